"""What each part of the lake needs, by the settings and by the gates.

Reading rows of a table needs what its stage needs. A release needs what its gate says: it was
published on purpose. A raw release also needs what the raw table needs, since it is a copy of it.
A map needs what its stage, its release and its own gate need, because it shows rows of the stage
that a filter may have kept out of the release.
"""

from typing import Final

from app.access.permissions.gates import Gates
from app.access.roles import OPEN, Roles
from app.settings import Settings
from catalog.stages.tables import Stage

_INGEST: Final[Roles] = frozenset({"ingest"})
_READ: Final[Roles] = frozenset({"read"})
MODERATE: Final[Roles] = frozenset({"moderate"})
"""What moderating needs, whatever the settings are."""
OPERATE: Final[Roles] = frozenset({"operate"})
"""What seeing the state of the service needs, whatever the settings are."""


class Policy:
    """Tells which roles a request needs.

    Attributes:
        ingest: What submitting needs.
        raw: What reading the raw table needs.
        catalog: What attaching an engine needs, before it names a table.
    """

    def __init__(self, settings: Settings, gates: Gates) -> None:
        self.ingest: Final = _INGEST if settings.ingest_access == "keys" else OPEN
        self.raw: Final = _READ if settings.raw_access == "keys" else OPEN
        self._computed: Final = _READ if settings.stage_access == "keys" else OPEN
        self.catalog: Final = self.raw & self._computed
        self._gates = gates

    def stage(self, stage: Stage) -> Roles:
        """Return what reading the tables of a stage needs."""
        return self.raw if stage == "raw" else self._computed

    def release(self, name: str, *, is_raw: bool) -> Roles:
        """Return what reading a release needs.

        Args:
            name: Name of the release.
            is_raw: Whether its stage is raw.
        """
        gate = self._gates.needed("release", name)
        return gate | self.raw if is_raw else gate

    def map(self, name: str, stage: Stage, release: str | None) -> Roles:
        """Return what seeing a map needs.

        Args:
            name: Name of the map.
            stage: Stage that it shows.
            release: Release that it was built for; None when it is for none.
        """
        needed = self._gates.needed("map", name) | self.stage(stage)
        return needed if release is None else needed | self._gates.needed("release", release)
