"""A group of settings: the fields of a dataclass, and what their values have to agree on."""

from dataclasses import dataclass
from typing import ClassVar

MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class SettingsGroup:
    """Settings that belong together. Each field has its bounds and its description beside it.

    Attributes:
        heading: What `docs/settings.md` calls the group.
    """

    heading: ClassVar[str]

    def check(self) -> None:
        """Check what the bounds of the single fields can't tell; by default nothing.

        Raises:
            SettingsError: A value is wrong, or contradicts another one of the group.
        """
