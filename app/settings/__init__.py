"""Every setting of the service, from the environment: `CHATLAKE_` and the field's name.

`Settings` is made of groups, each in a module of its own with its checks.
"""

from app.settings.errors import PREFIX, SettingsError
from app.settings.group import SettingsGroup
from app.settings.releases import Schedule
from app.settings.settings import RESERVED, Settings

__all__ = ["PREFIX", "RESERVED", "Schedule", "Settings", "SettingsError", "SettingsGroup"]
