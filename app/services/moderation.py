"""Wiring of moderation, which has things taken down."""

from app.access.moderation.service import Moderation
from app.query.browsing.reviews import Reviews
from app.services.access import AccessServices
from app.services.foundation import Foundation
from app.services.reading import ReadingServices
from app.services.takedown import TakedownServices


class ModerationServices:
    """What readers report and moderators decide."""

    def __init__(
        self,
        foundation: Foundation,
        access: AccessServices,
        reading: ReadingServices,
        takedown: TakedownServices,
    ) -> None:
        settings = foundation.settings
        self.service = Moderation(
            foundation.database,
            access.hidden,
            access.moderation_log,
            access.reports,
            reading.quarantine,
            takedown.moderation_traces,
            takedown.service.request,
            settings.reports_to_quarantine,
        )
        self.reviews = Reviews(
            self.service,
            reading.snapshots,
            reading.contributions,
            foundation.get_catalog,
            settings.max_page_bytes,
        )
