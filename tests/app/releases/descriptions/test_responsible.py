import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.curation.rules.interface import NAMES_BY
from app.releases.descriptions.datasheet import Datasheet
from app.releases.descriptions.responsible import responsible_terms
from app.releases.manifest import CheckedSet, Manifest
from app.releases.service import Releases
from catalog.snapshots import Snapshot
from tests.app.releases.factories import make_recipe


@pytest.fixture
def manifest(releases: Releases, snapshot: Snapshot) -> Manifest:
    """The manifest of a curated release."""
    return releases.build(make_recipe(stage="curated"), snapshot)


def described(releases_folder: Path) -> dict[str, Any]:
    """Return the content of `croissant.json`."""
    read: dict[str, Any] = json.loads((releases_folder / "first" / "croissant.json").read_bytes())
    return read


@pytest.mark.usefixtures("manifest")
def test_a_release_states_what_is_known_of_it(releases_folder: Path) -> None:
    document = described(releases_folder)
    assert document["conformsTo"] == [
        "http://mlcommons.org/croissant/1.1",
        "http://mlcommons.org/croissant/RAI/1.0",
    ]
    assert document["rai:dataCollectionTimeframe"] == [
        "2026-03-01T12:00:00+00:00",
        "2026-03-03T12:00:00+00:00",
    ]
    steps = document["rai:dataPreprocessingProtocol"]
    assert (
        "near_duplicate: contributions whose prompts and answers are each alike those of another "
        "(similarity of 0.7 or more) were left out: 2." in steps
    )
    assert "email 0" in document["rai:personalSensitiveInformation"][0]
    assert "Nothing was moderated." in document["rai:dataLimitations"]
    assert "rai:dataBiases" not in document
    assert document["url"] == "./"
    assert "CREDITS.txt" in document["creator"][0]["name"]


@pytest.mark.slow
def test_a_raw_release_says_that_nothing_was_masked(
    releases_folder: Path, releases: Releases, snapshot: Snapshot
) -> None:
    releases.build(make_recipe(), snapshot)
    document = described(releases_folder)
    assert document["rai:personalSensitiveInformation"] == ["Nothing was masked."]
    assert "rai:machineAnnotationTools" not in document


@pytest.mark.slow
def test_answers_of_the_operator_are_added(manifest: Manifest) -> None:
    datasheet = Datasheet(
        {
            "a": {
                "Whose conversations are these, and whose are missing?": "Ours.",
                "How do people come to contribute, and through what?": "By an application.",
                "What must it not be used for?": "Spam.",
                "What has it been used for?": "A question without a term.",
            }
        }
    )
    known = responsible_terms(manifest, Datasheet({}))
    terms = responsible_terms(manifest, datasheet)
    assert terms["rai:dataBiases"] == ["Ours."]
    assert terms["rai:dataLimitations"] == [*known["rai:dataLimitations"], "Spam."]
    assert terms["rai:dataCollection"] == f"{known['rai:dataCollection']} By an application."
    assert "without a term" not in str(terms)


@pytest.mark.slow
def test_the_sets_that_rows_were_checked_against_are_told(manifest: Manifest) -> None:
    exam = CheckedSet(name="exam", version="2", licence="MIT", sha256="0" * 64, items=7, dropped=3)
    terms = responsible_terms(replace(manifest, evaluation_sets=[exam]), Datasheet({}))
    assert terms["rai:dataLimitations"] == ["Nothing was moderated."]
    assert (
        f"Checked against the evaluation set exam 2 (MIT; 7 items; SHA-256 {'0' * 64}): "
        "3 contributions that overlap with it were left out."
        in terms["rai:dataPreprocessingProtocol"]
    )


@pytest.mark.slow
def test_names_of_people_stay_unless_a_recogniser_looked_for_them(manifest: Manifest) -> None:
    rules = {"cleaning": f"{manifest.rules['cleaning']} {NAMES_BY} a model"}
    known = [
        str(responsible_terms(each, Datasheet({}))["rai:personalSensitiveInformation"])
        for each in (manifest, replace(manifest, rules=rules))
    ]
    assert ["names of people stay" in text for text in known] == [True, False]
