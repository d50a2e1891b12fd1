"""Settings: the journal and commits."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from msgspec import Meta

from app.settings.group import MIB, SettingsGroup


@dataclass(frozen=True, kw_only=True)
class CommitSettings(SettingsGroup):
    """The journal, when it is committed, and how long repeated submissions are recognised."""

    heading: ClassVar[str] = "The journal and commits"

    max_journal_bytes: Annotated[
        int, Meta(ge=1, description="Bytes in the journal that may wait to be committed")
    ] = 4096 * MIB
    commit_interval_s: Annotated[
        float, Meta(gt=0, description="Age at which acknowledged contributions are committed")
    ] = 2.0
    awaited_commit_interval_s: Annotated[
        float,
        Meta(
            gt=0,
            description="Least time between commits that are made early because a client waits for "
            "one, or because an upload was acknowledged",
        ),
    ] = 0.25
    commit_max_rows: Annotated[
        int,
        Meta(
            ge=1,
            description="Waiting contributions at which a commit is made early; most rows "
            "of a commit",
        ),
    ] = 50_000
    commit_max_bytes: Annotated[
        int,
        Meta(
            ge=1,
            description="Waiting journal bytes at which a commit is made early; most bytes "
            "of a commit",
        ),
    ] = 64 * MIB
    idempotency_window_s: Annotated[
        int,
        Meta(
            ge=60,
            description="How long a repeated submission is recognised whose ids own nothing, and "
            "a repeated `Idempotency-Key`",
        ),
    ] = 86_400
    max_wait_s: Annotated[
        int,
        Meta(ge=1, le=60, description="Longest wait for a commit that `Prefer: wait` may ask for"),
    ] = 30
    max_waiting: Annotated[
        int, Meta(ge=0, description="Requests in a worker that may wait for a commit at once")
    ] = 1_000
