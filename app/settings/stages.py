"""Settings: stages and scores."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from msgspec import Meta

from app.settings.errors import PREFIX, SettingsError
from app.settings.group import SettingsGroup
from app.settings.urls import split_url


@dataclass(frozen=True, kw_only=True)
class StageSettings(SettingsGroup):
    """What computes the stages, and which names and scores it finds in texts."""

    heading: ClassVar[str] = "Stages and scores"

    ray_address: Annotated[
        str | None,
        Meta(
            description="Address of the Ray cluster that computes stages; unset, this machine does"
        ),
    ] = None
    name_recogniser: Annotated[
        str | None,
        Meta(
            description="`module:attribute` of what finds the names of people that are masked; "
            "unset, names stay"
        ),
    ] = None
    scorers: Annotated[
        str | None,
        Meta(
            description="Scorers of texts, with commas between them: `toxicity`, `moderation`, "
            "names that packages give theirs, or `module:attribute`; unset, texts have no scores"
        ),
    ] = None
    flag_scores: Annotated[
        str | None,
        Meta(
            description="Scores above which a turn is flagged, such as `toxicity>0.95, hate>0.5`; "
            "unset, each scorer decides"
        ),
    ] = None
    quarantine_scores: Annotated[
        str | None,
        Meta(
            description="Scores above which a contribution goes to quarantine when `cleaned` is "
            "built, such as `sexual/minors>0.5`; unset, none does"
        ),
    ] = None
    moderation_url: Annotated[
        str | None,
        Meta(
            description="Where the scorer `moderation` posts texts, such as "
            "`http://127.0.0.1:8000/v1/moderations`"
        ),
    ] = None
    moderation_model: Annotated[
        str | None, Meta(description="The model that it asks for; unset, the server chooses")
    ] = None
    moderation_key: Annotated[
        str | None, Meta(description="The key that it sends as a bearer token; never logged")
    ] = field(default=None, repr=False)
    moderation_timeout_s: Annotated[
        int, Meta(ge=1, le=600, description="How long it waits for an answer")
    ] = 30

    def check(self) -> None:
        """Check that conditions on scores have a scorer, and that `moderation` has a URL."""
        for name in ("flag_scores", "quarantine_scores"):
            if getattr(self, name) and not self.scorers:
                raise SettingsError(PREFIX + name.upper(), f"{PREFIX}SCORERS has to name a scorer")
        url = self.moderation_url
        if url is not None:
            example = "http://127.0.0.1:8000/v1/moderations"
            parts = split_url("MODERATION_URL", url, example)
            if parts.scheme not in {"http", "https"} or not parts.hostname:
                raise SettingsError(f"{PREFIX}MODERATION_URL", f"not a URL such as {example}")
