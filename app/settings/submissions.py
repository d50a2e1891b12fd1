"""Settings: submissions and uploads."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from msgspec import Meta

from app.settings.group import MIB, SettingsGroup


@dataclass(frozen=True, kw_only=True)
class SubmissionSettings(SettingsGroup):
    """How large submissions and uploads may be, and how long receiving them may take."""

    heading: ClassVar[str] = "Submissions and uploads"

    max_body_bytes: Annotated[
        int, Meta(ge=1, description="Largest submission, in bytes after decompression")
    ] = 16 * MIB
    max_bodies_bytes: Annotated[
        int,
        Meta(
            ge=1,
            description="Bytes of request bodies above 64 KiB each that a worker holds at once; "
            "one body may exceed it",
        ),
    ] = 32 * MIB
    max_uploads: Annotated[int, Meta(ge=1, description="Uploads that a worker handles at once")] = 2
    body_timeout_s: Annotated[
        float, Meta(gt=0, description="How long receiving the body of a submission may take")
    ] = 30.0
    upload_timeout_s: Annotated[
        float, Meta(gt=0, description="How long receiving an upload may take")
    ] = 3600.0
    max_rejected_lines: Annotated[
        int,
        Meta(
            ge=0,
            description="Rejected lines of an upload beyond which the whole upload is rejected",
        ),
    ] = 100_000
    max_turns: Annotated[int, Meta(ge=1, description="Most turns in a conversation")] = 10_000
    max_nesting: Annotated[
        int, Meta(ge=4, description="Deepest nesting of a submission's JSON")
    ] = 64
    max_object_keys: Annotated[int, Meta(ge=1, description="Most keys in a JSON object")] = 1_000
    max_brackets: Annotated[
        int,
        Meta(ge=1, description="Most opening brackets in a submission, those in texts included"),
    ] = 1_000_000
