"""Code of the operator's own, which a setting names as `module:attribute`."""

from importlib import import_module
from typing import Any

from app.settings import SettingsError


def make_named(setting: str, path: str, /, **options: object) -> Any:
    """Call what a setting names, and return what it returns.

    Args:
        setting: The setting's variable, for errors.
        path: `module:attribute`.
        options: The arguments of the call.

    Raises:
        SettingsError: The path names nothing, or the call failed.
    """
    module, colon, attribute = path.partition(":")
    if not (module and colon and attribute):
        raise SettingsError(setting, f"{path!r} isn't module:attribute")
    try:
        return getattr(import_module(module), attribute)(**options)
    except SettingsError:
        raise
    except Exception as error:  # whatever the operator's code raises
        reason = f"{type(error).__name__}: {error}"
        raise SettingsError(setting, f"{path} can't be loaded: {reason}") from error
