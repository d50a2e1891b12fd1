"""URLs in settings."""

from urllib.parse import SplitResult, urlsplit

from app.settings.errors import PREFIX, SettingsError


def split_url(name: str, url: str, example: str) -> SplitResult:
    """Return the parts of a URL, of which some may be missing.

    Args:
        name: The name of the setting, without its prefix.
        url: The value of the setting.
        example: A URL as it should be.

    Raises:
        SettingsError: The value can't be cut into parts, as `http://[`.
    """
    try:
        return urlsplit(url)
    except ValueError as error:
        raise SettingsError(PREFIX + name, f"not a URL such as {example}") from error
