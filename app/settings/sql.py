"""Settings: queries in SQL."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from msgspec import Meta

from app.settings.group import MIB, SettingsGroup


@dataclass(frozen=True, kw_only=True)
class SqlSettings(SettingsGroup):
    """What queries in SQL may take and give."""

    heading: ClassVar[str] = "Queries in SQL"

    sql_enabled: Annotated[bool, Meta(description="Whether queries in SQL are answered")] = True
    sql_timeout_s: Annotated[
        float, Meta(gt=0, le=60, description="How long a query in SQL may run")
    ] = 4.0
    sql_memory_mib: Annotated[
        int, Meta(ge=384, description="Memory of the process that runs a query in SQL")
    ] = 512
    sql_max_rows: Annotated[
        int, Meta(ge=1, description="Rows at which the answer to a query in SQL is cut off")
    ] = 50_000
    sql_max_bytes: Annotated[
        int,
        Meta(ge=1, description="Bytes of Arrow at which the answer to a query in SQL is cut off"),
    ] = 16 * MIB
    sql_pool_size: Annotated[
        int, Meta(ge=1, description="Queries in SQL that a machine runs at once")
    ] = 2
    sql_queries_per_address: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000,
            description="Queries in SQL of one client address or API key that run at once",
        ),
    ] = 1
