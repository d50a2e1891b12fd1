"""All settings together: read from the environment, and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from app.settings.access import AccessSettings
from app.settings.client_limits import ClientLimitSettings
from app.settings.commits import CommitSettings
from app.settings.engines import EngineSettings
from app.settings.errors import PREFIX, SettingsError
from app.settings.group import SettingsGroup
from app.settings.hub import HubSettings
from app.settings.maintenance import MaintenanceSettings
from app.settings.reading import ReadingSettings
from app.settings.releases import ReleaseSettings
from app.settings.reports import ReportSettings
from app.settings.server import ServerSettings
from app.settings.site import SiteSettings
from app.settings.sql import SqlSettings
from app.settings.stages import StageSettings
from app.settings.storage import StorageSettings
from app.settings.submissions import SubmissionSettings

_EXPECTED: Final = {
    "Expected `int`, got `str`": "a whole number",
    "Expected `float`, got `str`": "a number",
    "Expected `bool`, got `str`": "true or false",
}
"""Words for msgspec's errors of a text in place of another type, which no secret has."""
RESERVED = frozenset({"VENV", "TOKEN"})
"""Names with the prefix that the shell scripts or the client read, and the service ignores."""


@dataclass(frozen=True, kw_only=True)
class Settings(
    StorageSettings,
    ServerSettings,
    AccessSettings,
    ClientLimitSettings,
    SubmissionSettings,
    CommitSettings,
    ReadingSettings,
    SqlSettings,
    EngineSettings,
    SiteSettings,
    ReportSettings,
    StageSettings,
    ReleaseSettings,
    HubSettings,
    MaintenanceSettings,
):
    """The service's settings: those of all groups, in the order of `docs/settings.md`."""

    @classmethod
    def groups(cls) -> tuple[type[SettingsGroup], ...]:
        """Return the groups of which the settings are made."""
        return cls.__bases__

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings from environment variables; an empty one counts as unset.

        Raises:
            SettingsError: A `CHATLAKE_` variable is unknown or has a wrong value.
        """
        values = {
            name.removeprefix(PREFIX).lower(): value
            for name, value in environment.items()
            if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in RESERVED and value
        }
        known = {field.name for field in fields(cls)}
        for name in sorted(values.keys() - known):
            raise SettingsError(PREFIX + name.upper(), "there is no such setting")
        return cls.at(values.pop("home", "data"), **values)

    @classmethod
    def at(cls, home: str | Path, **values: object) -> Self:
        """Return the settings of a service whose state lies in one folder.

        Args:
            home: The folder, which holds every place that `values` doesn't set.
            values: Other settings, each as its own type or as text.

        Raises:
            SettingsError: A value is wrong.
        """
        folder = Path(home).absolute()
        places = {
            "home": folder,
            "database_url": f"sqlite:///{folder}/chatlake.db",
            "catalog_uri": f"sqlite:///{folder}/catalog.db",
            "warehouse": f"file://{folder}/warehouse",
        }
        try:
            settings = msgspec.convert({**places, **values}, cls, strict=False, dec_hook=_decode)
        except msgspec.ValidationError as error:
            problem, _, place = str(error).partition(" - at `$.")
            name = place.rstrip("`")
            if words := _EXPECTED.get(problem):
                problem = f"{words} is expected, not {values[name]!r}"
            raise SettingsError(PREFIX + name.upper(), problem) from error
        settings.check()
        return settings

    def check(self) -> None:
        """Check each group by itself, and then what groups have to agree on.

        Raises:
            SettingsError: A value is wrong, or contradicts another one.
        """
        for group in self.groups():
            group.check(self)
        self._check_quotas()
        self._check_vending()

    def _check_quotas(self) -> None:
        for name in ("bytes_per_day", "key_bytes_per_day", "contributor_bytes_per_day"):
            if 0 < getattr(self, name) < self.max_body_bytes:
                raise SettingsError(
                    PREFIX + name.upper(),
                    f"less than {PREFIX}MAX_BODY_BYTES, so the largest submissions could never be "
                    "taken",
                )

    def _check_vending(self) -> None:
        """Refuse to give away a key that is the service's own, or opens what is closed."""
        if not self.iceberg_vend_credentials:
            return
        if self.iceberg_s3_access_key_id == self.s3_access_key_id:
            raise SettingsError(
                f"{PREFIX}ICEBERG_S3_ACCESS_KEY_ID", "the service's own key is not to be given away"
            )
        if self.raw_access != self.stage_access:
            # Whoever may load the table of a stage would be given a key to the raw table's files.
            raise SettingsError(
                f"{PREFIX}ICEBERG_VEND_CREDENTIALS",
                "the key opens the files of all tables, which RAW_ACCESS and STAGE_ACCESS tell "
                "apart",
            )
        if self.embargo_s and self.raw_access == "open":
            raise SettingsError(
                f"{PREFIX}ICEBERG_VEND_CREDENTIALS",
                f"the key opens the files of young snapshots, which {PREFIX}EMBARGO_S keeps from "
                "everybody without a key of the role `read`",
            )


def _decode(kind: type, value: Any) -> Any:
    return kind(value)
