from dataclasses import replace

import pytest

from app.doctor.checks.hub import check_hub
from app.doctor.examined_lake import ExaminedLake
from app.releases.publications import HubPublication, HubPublications
from app.services import Services

PLACE = HubPublication(
    repository="lake/first", release="first", hub_url="http://127.0.0.1:9", access="public"
)
COMPLETE = replace(PLACE, revision=2, commit_id="a" * 40)
PUBLISH = "set CHATLAKE_HUB_TOKEN, then scripts/lake release publish first --hub lake/first"


@pytest.fixture
def publications(services: Services) -> HubPublications:
    """The publications of a lake, of which one was begun."""
    services.publishing.releases.publications.begin(PLACE)
    return services.publishing.releases.publications


@pytest.fixture
def lake(services: Services) -> ExaminedLake:
    """The lake."""
    return ExaminedLake(
        settings=services.settings, database=services.database, catalog=services.catalog
    )


def found(lake: ExaminedLake) -> list[tuple[str, str, str]]:
    return [(each.severity, each.what, each.mend) for each in check_hub(lake)]


def test_a_complete_publication_is_sound(publications: HubPublications, lake: ExaminedLake) -> None:
    publications.complete(COMPLETE)
    publications.require("first", 2)
    publications.require("second", 3)
    assert found(lake) == []


@pytest.mark.usefixtures("publications")
def test_a_publication_that_was_cut_off_is_found(lake: ExaminedLake) -> None:
    what = "the release first isn't completely in lake/first"
    assert found(lake) == [("warning", what, PUBLISH)]


def test_what_was_taken_down_may_be_in_parts_as_well(
    publications: HubPublications, lake: ExaminedLake
) -> None:
    publications.require("first", 2)
    what = (
        "lake/first holds parts of a revision of the release first, from which something was "
        "taken down since"
    )
    assert found(lake) == [("error", what, PUBLISH)]


def test_what_the_hub_keeps_of_earlier_revisions_is_found(
    publications: HubPublications, lake: ExaminedLake
) -> None:
    publications.complete(replace(COMPLETE, remains=("refs/pr/1 at abc", "def")))
    ((severity, what, mend),) = found(lake)
    assert severity == "warning"
    assert what.endswith("earlier revisions in lake/first: refs/pr/1 at abc, def")
    assert "scripts/lake release unpublish first --hub lake/first, and publish it anew" in mend
