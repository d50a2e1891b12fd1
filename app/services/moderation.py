"""Wiring of moderation, which has things taken down."""

from app.access.moderation.service import Moderation
from app.query.reviews import Reviews
from app.services.takedown import TakedownServices
from app.settings import Settings


class ModerationServices(TakedownServices):
    """What readers report and moderators decide."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.moderation = Moderation(
            self.database,
            self.hidden,
            self.moderation_log,
            self.reports,
            self.quarantine,
            self.moderation_traces,
            self.takedown.request,
            settings.reports_to_quarantine,
        )
        self.reviews = Reviews(
            self.moderation,
            self.snapshots,
            self.contributions,
            self.get_catalog,
            settings.max_page_bytes,
        )
