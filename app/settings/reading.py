"""Settings: reading."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from msgspec import Meta

from app.settings.group import MIB, SettingsGroup


@dataclass(frozen=True, kw_only=True)
class ReadingSettings(SettingsGroup):
    """How much a read of the lake may take and give."""

    heading: ClassVar[str] = "Reading"

    max_reads: Annotated[
        int,
        Meta(
            ge=1,
            description="Reads of the lake that a worker handles at once, including queries in SQL "
            "and streams",
        ),
    ] = 4
    read_timeout_s: Annotated[
        float,
        Meta(gt=0, description="How long a read of the lake may take until its answer begins"),
    ] = 30.0
    page_rows: Annotated[
        int, Meta(ge=1, description="Rows of a page when the request sets no limit")
    ] = 100
    max_page_rows: Annotated[
        int, Meta(ge=1, description="Most rows of a page that a request may ask for")
    ] = 1_000
    max_page_bytes: Annotated[
        int,
        Meta(ge=1, description="Size at which a page ends, even with fewer rows than asked for"),
    ] = 32 * MIB
    query_memory_mib: Annotated[
        int,
        Meta(
            ge=64,
            description="Memory of a worker for statistics and diffs of releases; beyond it, data "
            "is put aside on disk",
        ),
    ] = 256
    max_groups: Annotated[
        int,
        Meta(ge=1, description="Most groups in statistics; beyond that, the smallest are left out"),
    ] = 10_000
