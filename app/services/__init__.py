"""Wiring: the parts of the service, made from its settings. Each process makes its own.

Each module wires one domain, and its class adds the services of that domain to those of the classes
before it. So a service may be given any that stands above it here, and none that stands below:

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

from app.services.jobs import JobServices
from app.settings import Settings

_EXTENSION: Final = "chatlake"


class Services(JobServices):
    """The domains' services, which the edges call.

    Making it connects to nothing. The catalog is opened when it is first needed, which is after the
    fork of the process that needs it.
    """


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
