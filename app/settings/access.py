"""Settings: access and terms."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from app.settings.errors import PREFIX, SettingsError
from app.settings.group import SettingsGroup

Access = Literal["open", "keys"]
"""Who may do something: everybody, or those who have an API key."""

_MAX_VERSION_CHARS = 512
"""Length of a version of terms, which submissions repeat."""
_MAX_EMBARGO_S = 10 * 365 * 86_400
"""Ten years: a longer embargo is a mistake, and would lead out of the calendar."""


@dataclass(frozen=True, kw_only=True)
class AccessSettings(SettingsGroup):
    """Who may submit and read, from which age, and under which terms."""

    heading: ClassVar[str] = "Access and terms"

    ingest_access: Annotated[
        Access,
        Meta(description="Who may submit: `open` to all, or with `keys` of the role `ingest`"),
    ] = "open"
    raw_access: Annotated[
        Access,
        Meta(
            description="Who may read the raw table, its snapshots, maps and releases: `open` to "
            "all, or with `keys` of the role `read`"
        ),
    ] = "open"
    stage_access: Annotated[
        Access,
        Meta(
            description="Who may read the tables of `cleaned` and `curated`, and their maps: "
            "`open` to all, or with `keys` of the role `read`"
        ),
    ] = "open"
    embargo_s: Annotated[
        int,
        Meta(
            ge=0,
            le=_MAX_EMBARGO_S,
            description="Age from which a snapshot is public. Younger ones need a key of the role "
            "`read`, and no stage, release or map is built of them; 0 means no embargo",
        ),
    ] = 0
    terms_version: Annotated[
        str | None, Meta(description="Version of the terms that contributors agree to")
    ] = None
    terms_file: Annotated[
        Path | None, Meta(description="File of Markdown with these terms, which `/terms` shows")
    ] = None
    require_terms: Annotated[
        bool,
        Meta(description="Refuse submissions that don't state `CHATLAKE_TERMS_VERSION`"),
    ] = False

    def check(self) -> None:
        """Check that the version of the terms can be sent, and is there if it is required."""
        version = self.terms_version
        if version and not (version.isprintable() and len(version) <= _MAX_VERSION_CHARS):
            problem = f"more than {_MAX_VERSION_CHARS} characters, or one that isn't printable"
            raise SettingsError(f"{PREFIX}TERMS_VERSION", problem)
        if self.require_terms and not (version and self.terms_file):
            raise SettingsError(
                f"{PREFIX}REQUIRE_TERMS",
                f"{PREFIX}TERMS_VERSION and {PREFIX}TERMS_FILE have to say which terms",
            )
