from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.releases.publications import HubPublication, HubPublications
from app.services import Services

NOW = datetime(2026, 11, 30, 3, 4, 5, tzinfo=UTC)
PLACE = HubPublication(
    repository="lake/first", release="first", hub_url="http://127.0.0.1:9", access="private"
)


@pytest.mark.both
def test_a_publication_is_begun_completed_outdated_and_removed(services: Services) -> None:
    publications = HubPublications(services.database, lambda: NOW)
    publications.begin(PLACE)
    publications.begin(replace(PLACE, access="public"))
    assert publications.all() == [PLACE]
    complete = replace(
        PLACE,
        access="public",
        revision=1,
        commit_id="a" * 40,
        published_at=NOW,
        remains=("refs/pr/1 at abc",),
    )
    publications.complete(complete)
    assert publications.find("lake/first") == complete
    assert publications.outdated() == []
    publications.require("first", 2)
    assert publications.outdated() == publications.of_release("first")
    assert publications.outdated() == [replace(complete, required_revision=2)]
    assert publications.outdated()[0].is_outdated
    publications.complete(replace(complete, revision=2))
    assert publications.outdated() == []
    publications.remove("lake/first")
    assert publications.find("lake/first") is None
