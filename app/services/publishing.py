"""Wiring of `app.releases` and `app.maps`: what is published of the lake."""

from functools import partial
from typing import TYPE_CHECKING

from app.access.hidden_watch import HiddenWatch
from app.maps.service import Maps
from app.maps.store import MapStore
from app.releases.descriptions.datasheet import read_datasheet
from app.releases.service import Releases
from app.releases.stores.choice import open_store
from app.services.access import AccessServices
from app.services.curation import CurationServices
from app.services.foundation import Foundation
from app.services.reading import ReadingServices

if TYPE_CHECKING:
    from app.releases.hub.publisher import HubPublisher


class PublishingServices:
    """Releases and maps."""

    def __init__(
        self,
        foundation: Foundation,
        access: AccessServices,
        reading: ReadingServices,
        curation: CurationServices,
    ) -> None:
        settings, database = foundation.settings, foundation.database
        self._foundation = foundation
        self._policy = access.policy
        watch = partial(HiddenWatch, access.taken_down, access.hidden)
        self.releases = Releases(
            database,
            foundation.get_catalog,
            open_store(settings),
            curation.stages,
            access.banned_contributions.hidden_ids,
            watch,
            foundation.scratch,
            read_datasheet(settings.datasheet),
        )
        self.maps = Maps(
            database,
            MapStore(settings.maps),
            foundation.get_catalog,
            reading.snapshots,
            reading.contributions,
            access.banned_contributions.hidden_ids,
            watch,
            self.releases,
        )

    def hub_publisher(self) -> "HubPublisher":
        """Return what publishes releases on the Hub."""
        # Its library takes 9 MB and 0.1 s, and no request needs it.
        from app.releases.hub.publisher import HubPublisher  # noqa: PLC0415

        return HubPublisher(
            self._foundation.database,
            self.releases,
            self._foundation.settings.hub_url,
            self._foundation.settings.hub_token,
            self._policy,
        )
