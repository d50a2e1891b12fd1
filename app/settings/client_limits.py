"""Settings: limits of clients."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from msgspec import Meta

from app.settings.group import SettingsGroup


@dataclass(frozen=True, kw_only=True)
class ClientLimitSettings(SettingsGroup):
    """How much one client may ask for: an address, an API key, a contributor."""

    heading: ClassVar[str] = "Limits of clients"

    submissions_per_minute: Annotated[
        int,
        Meta(ge=0, description="Submissions of one client address in a minute; 0 for no limit"),
    ] = 0
    uploads_per_minute: Annotated[
        int, Meta(ge=0, description="Uploads of one client address in a minute; 0 for no limit")
    ] = 0
    reads_per_minute: Annotated[
        int,
        Meta(
            ge=0,
            description="Requests of one client address in a minute that are neither submissions, "
            "uploads nor costly reads; 0 for no limit",
        ),
    ] = 0
    costly_reads_per_minute: Annotated[
        int,
        Meta(
            ge=0,
            description="Streams of contributions, counts, statistics, diffs and queries in SQL of "
            "one client address in a minute; 0 for no limit",
        ),
    ] = 0
    limit_burst_s: Annotated[
        int,
        Meta(
            ge=1,
            le=3_600,
            description="How long a client that pauses saves up what the limits per minute allow",
        ),
    ] = 60
    rows_per_day: Annotated[
        int,
        Meta(
            ge=0,
            description="Conversations that one client address may send at once and again evenly "
            "over each day, in submissions and uploads; 0 for no limit",
        ),
    ] = 0
    bytes_per_day: Annotated[
        int,
        Meta(
            ge=0,
            description="The same in bytes of JSON after decompression; 0 for no limit",
        ),
    ] = 0
    reads_at_once: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000,
            description="Reads of the lake of one client address that a machine runs at once, "
            "including queries in SQL, and streams until they are sent; 0 for no limit",
        ),
    ] = 0
    key_submissions_per_minute: Annotated[
        int,
        Meta(
            ge=0,
            description="Submissions with one API key in a minute; 0 for no limit. What comes with "
            "a key doesn't count for its address",
        ),
    ] = 0
    key_uploads_per_minute: Annotated[
        int, Meta(ge=0, description="Uploads with one API key in a minute; 0 for no limit")
    ] = 0
    key_reads_per_minute: Annotated[
        int,
        Meta(
            ge=0,
            description="Requests with one API key in a minute that are neither submissions, "
            "uploads nor costly reads; 0 for no limit",
        ),
    ] = 0
    key_costly_reads_per_minute: Annotated[
        int, Meta(ge=0, description="Costly reads with one API key in a minute; 0 for no limit")
    ] = 0
    key_rows_per_day: Annotated[
        int,
        Meta(
            ge=0,
            description="Conversations that may be sent with one API key at once and again evenly "
            "over each day; 0 for no limit",
        ),
    ] = 0
    key_bytes_per_day: Annotated[
        int,
        Meta(
            ge=0,
            description="The same in bytes of JSON after decompression; 0 for no limit",
        ),
    ] = 0
    key_reads_at_once: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000,
            description="Reads of the lake with one API key that a machine runs at once; 0 for no "
            "limit",
        ),
    ] = 0
    contributor_submissions_per_minute: Annotated[
        int,
        Meta(
            ge=0,
            description="Submissions of one contributor in a minute, which count for the address "
            "or key too; 0 for no limit",
        ),
    ] = 0
    contributor_rows_per_day: Annotated[
        int,
        Meta(
            ge=0,
            description="Conversations of one contributor, in submissions and uploads, at once and "
            "again evenly over each day; 0 for no limit",
        ),
    ] = 0
    contributor_bytes_per_day: Annotated[
        int,
        Meta(
            ge=0,
            description="The same in bytes of JSON after decompression; 0 for no limit",
        ),
    ] = 0
