"""Wiring of `app.releases` and `app.maps`: what is published of the lake."""

from functools import partial
from typing import TYPE_CHECKING

from app.access.hidden_watch import HiddenWatch
from app.maps.service import Maps
from app.maps.store import MapStore
from app.releases.descriptions.datasheet import read_datasheet
from app.releases.service import Releases
from app.releases.stores.choice import open_store
from app.services.curation import CurationServices
from app.settings import Settings

if TYPE_CHECKING:
    from app.releases.hub.publisher import HubPublisher


class PublishingServices(CurationServices):
    """Releases and maps."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        watch = partial(HiddenWatch, self.taken_down, self.hidden)
        self.releases = Releases(
            self.database,
            self.get_catalog,
            open_store(settings),
            self.stages,
            self.banned_contributions.hidden_ids,
            watch,
            self.scratch,
            read_datasheet(settings.datasheet),
        )
        self.maps = Maps(
            self.database,
            MapStore(settings.maps),
            self.get_catalog,
            self.snapshots,
            self.contributions,
            self.banned_contributions.hidden_ids,
            watch,
            self.releases,
        )

    def hub_publisher(self) -> "HubPublisher":
        """Return what publishes releases on the Hub."""
        # Its library takes 9 MB and 0.1 s, and no request needs it.
        from app.releases.hub.publisher import HubPublisher  # noqa: PLC0415

        return HubPublisher(
            self.database,
            self.releases,
            self.settings.hub_url,
            self.settings.hub_token,
            self.policy,
        )
