"""Wiring: the parts of the service, made from its settings. Each process makes its own.

Each module wires one domain, from the services of domains that stand above it here, and of none
that stands below:

    foundation   the settings, the database, the catalog, room for queries
    access       keys and limits; what is hidden, banned, taken down
    versions     the index of versions
    ingest       submissions, uploads, the journal
    reading      snapshots, contributions, counts, SQL, the catalog for other engines
    curation     the stages
    publishing   releases, maps, the Hub
    takedown     takedowns, and their steps through all of the above
    moderation   reports and decisions, which have things taken down
    jobs         the committer, and the jobs beside it
"""

from typing import Final, cast

from flask import Flask, current_app

from app.services.access import AccessServices
from app.services.curation import CurationServices
from app.services.foundation import Foundation
from app.services.ingest import IngestServices
from app.services.jobs import JobServices
from app.services.moderation import ModerationServices
from app.services.publishing import PublishingServices
from app.services.reading import ReadingServices
from app.services.takedown import TakedownServices
from app.services.versions import VersionServices
from app.settings import Settings

_EXTENSION: Final = "chatlake"


class Services(Foundation):
    """The domains' services, which the edges call.

    Making it connects to nothing. The catalog is opened when it is first needed, which is after the
    fork of the process that needs it.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.access = access = AccessServices(self)
        self.versions = versions = VersionServices(self, access)
        self.ingest = ingest = IngestServices(self, access, versions)
        self.reading = reading = ReadingServices(self, access, versions)
        self.curation = curation = CurationServices(self, access, reading)
        self.publishing = publishing = PublishingServices(self, access, reading, curation)
        self.takedown = takedown = TakedownServices(
            self, access, versions, ingest, reading, publishing
        )
        self.moderation = moderation = ModerationServices(self, access, reading, takedown)
        self.jobs = JobServices(
            self, access, versions, ingest, reading, publishing, takedown, moderation
        )

    def close(self) -> None:
        """Close the connections of this process, and end what it started."""
        self.reading.close()
        self.ingest.close()
        self.versions.close()
        self.access.close()
        super().close()


def init_app(app: Flask, settings: Settings) -> Services:
    """Attach new services to the application, and return them."""
    services = app.extensions[_EXTENSION] = Services(settings)
    return services


def services_of(app: Flask) -> Services:
    """Return the services of an application."""
    return cast("Services", app.extensions[_EXTENSION])


def current_services() -> Services:
    """Return the services of the application that handles the current request or command."""
    return services_of(current_app)
