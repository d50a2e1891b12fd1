"""Wiring of `app.access`: who may do what and how much of it, and what is hidden or refused."""

from datetime import timedelta

from app.access.contributors.ids import Ids, read_secret
from app.access.contributors.networks import Networks
from app.access.limits.bucket_table import BucketTable, digest_key
from app.access.limits.clients import Clients
from app.access.limits.limiter import Limiter
from app.access.limits.places import PLACES_FILE_NAME, ClientPlaces
from app.access.moderation.banned_contributions import BannedContributions
from app.access.moderation.bans import Bans
from app.access.moderation.log import ModerationLog
from app.access.moderation.reports import KEPT_OF_A_REASON, Reports
from app.access.permissions.gates import Gates
from app.access.permissions.keys import Keys
from app.access.permissions.policy import Policy
from app.access.takedowns.contributions import TakenDownContributions
from app.access.takedowns.feed import TakedownFeed
from app.access.takedowns.register import Takedowns
from app.access.visibility.embargo import Embargo
from app.access.visibility.hidden import HiddenContributions
from app.access.visibility.shown_again import ShownContributions
from app.services.foundation import Foundation
from app.telemetry.exposition import shared_file


class AccessServices:
    """Keys, limits, and the lists of what is hidden, banned and taken down."""

    def __init__(self, foundation: Foundation) -> None:
        settings, database = foundation.settings, foundation.database
        self._database = database
        self.ids = Ids(lambda: read_secret(self._database))
        self.keys = Keys(database)
        self.gates = Gates(database)
        self.policy = Policy(settings, self.gates)
        self.networks = Networks(database)
        self.clients = Clients(settings)
        self.limiter = Limiter(self.open_buckets)
        self.places = ClientPlaces(settings.home / PLACES_FILE_NAME)
        self.embargo = Embargo(timedelta(seconds=settings.embargo_s))
        self.hidden = HiddenContributions(database)
        self.shown = ShownContributions(database)
        self.takedowns = Takedowns(database, self.hidden)
        self.taken_down = TakenDownContributions(database)
        self.takedown_feed = TakedownFeed(database, self.takedowns)
        self.moderation_log = ModerationLog(database)
        self.reports = Reports(
            database,
            settings.reports_per_day,
            # Otherwise, the last reports that hide a contribution would never be kept.
            max(KEPT_OF_A_REASON, settings.reports_to_quarantine),
        )
        self.bans = Bans(database, self.moderation_log)
        self.banned_contributions = BannedContributions(
            database, self.hidden, self.bans, foundation.get_catalog
        )

    def open_buckets(self) -> BucketTable:
        """Return the buckets that the processes of this server share."""
        return BucketTable(shared_file("limits"), lambda: digest_key(read_secret(self._database)))

    def close(self) -> None:
        """Record the last uses of keys."""
        self.keys.close()
