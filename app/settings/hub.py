"""Settings: the Hugging Face Hub."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from msgspec import Meta

from app.settings.errors import PREFIX, SettingsError
from app.settings.group import SettingsGroup
from app.settings.urls import split_url


@dataclass(frozen=True, kw_only=True)
class HubSettings(SettingsGroup):
    """The Hub on which releases are published."""

    heading: ClassVar[str] = "The Hugging Face Hub"

    hub_url: Annotated[
        str,
        Meta(description="URL of the Hugging Face Hub, or of a server with its API"),
    ] = "https://huggingface.co"
    hub_token: Annotated[
        str | None,
        Meta(
            description="Token of the Hub that may write to the repositories of releases; never "
            "stored and never logged"
        ),
    ] = field(default=None, repr=False)

    def check(self) -> None:
        """Check that the URL of the Hub is one, and that a header can hold the token."""
        example = "https://huggingface.co"
        parts = split_url("HUB_URL", self.hub_url, example)
        if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
            raise SettingsError(f"{PREFIX}HUB_URL", f"not a URL such as {example}")
        if self.hub_token is not None and not _is_printable_ascii(self.hub_token):
            raise SettingsError(
                f"{PREFIX}HUB_TOKEN", "has a space or a character that no token has"
            )


def _is_printable_ascii(text: str) -> bool:
    return bool(text) and all("!" <= each <= "~" for each in text)
