"""Faults are planted in a lake one at a time, and the doctor finds each."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.doctor import examination
from app.doctor.checks import derived, versions
from app.doctor.examination import CHECKS, examine
from app.doctor.examined_lake import ExaminedLake
from app.services import Services
from catalog.manifests import cache
from tests.app.doctor.derived_faults import DERIVED_FAULTS, on_index
from tests.app.doctor.lake_faults import LAKE_FAULTS
from tests.app.doctor.sound_lake import disconnect, make_sound_lake

FAULTS = {**DERIVED_FAULTS, **LAKE_FAULTS}


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else uses these lakes, so nothing has to settle."""
    monkeypatch.setattr(examination, "_SETTLE_S", 0)


@pytest.fixture(scope="module")
def saved(shared_services: Services, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the home folder of a lake with five commits, a release, and a map."""
    make_sound_lake(shared_services)
    home = shared_services.settings.home
    return Path(shutil.copytree(home, tmp_path_factory.mktemp("saved") / "home"))


@pytest.fixture
def sound(shared_services: Services, saved: Path) -> Iterator[Services]:
    """The lake, as it is before any fault is planted."""
    yield shared_services
    disconnect(shared_services)
    shutil.rmtree(shared_services.settings.home)
    shutil.copytree(saved, shared_services.settings.home)
    cache.clear()


def _examined(services: Services, *, is_deep: bool = True, **values: Any) -> ExaminedLake:
    return ExaminedLake(
        settings=services.settings,
        database=services.database,
        catalog=services.catalog,
        is_deep=is_deep,
        **values,
    )


def test_nothing_is_found_in_a_sound_lake(sound: Services) -> None:
    assert examine(_examined(sound)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(sound: Services, name: str) -> None:
    fault = FAULTS[name]
    fault.plant(sound)
    # Only by its own check where there is one: all of them take a second.
    lake = _examined(sound)
    findings = examine(lake) if name not in DERIVED_FAULTS else [*CHECKS[fault.check](lake)]
    found = [each for each in findings if each.check == fault.check and fault.says in each.what]
    assert found, findings
    assert all(finding.mend for finding in findings)


FOUND_BY_SAMPLES = {
    "the index lacks versions": "lacks 1 version of",
    "the index has versions that aren't there": "versions that aren't there",
    "replaced names what isn't there": "names contributions that aren't there",
    "the counts of a file are wrong": "aren't those",
    "an index of texts lacks rows": "doesn't name row 0",
}


@pytest.mark.parametrize("name", FOUND_BY_SAMPLES)
def test_a_planted_fault_of_small_lakes_is_found_by_samples(
    sound: Services, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A sample of four of the lake's files has none with versions once in fifteen times.
    for checks in (derived, versions):
        monkeypatch.setattr(checks, "_FILES", 16)
    fault = FAULTS[name]
    fault.plant(sound)
    findings = list(CHECKS[fault.check](_examined(sound, is_deep=False)))
    assert any(FOUND_BY_SAMPLES[name] in finding.what for finding in findings), findings


MENDED = (
    "replaced lacks a row",
    "replaced is ahead of the table",
    "replaced names what isn't there",
    "the counts of a file are wrong",
    "an index of texts can't be read",
    "outcomes can't be read",
)


@pytest.mark.slow
def test_what_is_said_to_mend_derived_state_does(sound: Services, shared_app: Flask) -> None:
    on_index("DELETE FROM versions WHERE sequence_number = 4")(sound)
    for name in MENDED:
        DERIVED_FAULTS[name].plant(sound)
    findings = examine(_examined(sound))
    assert {each.check for each in findings} == {
        *("versions", "replaced", "summaries", "text index", "outcomes")
    }
    runner = shared_app.test_cli_runner()
    for each in findings:
        if each.mend.startswith("scripts/lake "):
            command = each.mend.removeprefix("scripts/lake ").partition(":")[0]
            assert runner.invoke(args=command.split()).exit_code == 0
        else:
            assert each.check == "outcomes"
            (sound.settings.outcomes / "prompts.parquet").unlink()
    assert examine(_examined(sound)) == []


@pytest.mark.slow
def test_derived_databases_that_are_removed_are_filled_again(
    sound: Services, shared_app: Flask
) -> None:
    disconnect(sound)
    for path in sound.settings.home.glob("chatlake-*.db*"):
        path.unlink()
    assert {each.check for each in examine(_examined(sound))} == {"databases"}
    runner = shared_app.test_cli_runner()
    for command in ("migrate", "summaries update"):
        assert runner.invoke(args=command.split()).exit_code == 0
    assert examine(_examined(sound)) == []


@pytest.mark.slow
def test_a_full_disk_is_found(sound: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    full = shutil.disk_usage(sound.settings.home)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    assert [finding.check for finding in examine(_examined(sound))] == ["space"]


@pytest.mark.slow
def test_what_passes_by_itself_is_no_finding(
    sound: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    FAULTS["the ledger lacks a snapshot"].plant(sound)
    monkeypatch.setattr(examination, "sleep", lambda _: sound.jobs.committer().reconcile())
    assert examine(_examined(sound)) == []


@pytest.mark.slow
def test_the_command_prints_findings_and_ends_with_1(sound: Services, shared_app: Flask) -> None:
    runner = shared_app.test_cli_runner()
    assert runner.invoke(args=["doctor"]).exit_code == 0
    FAULTS["the ledger lacks a snapshot"].plant(sound)
    told = runner.invoke(args=["doctor"])
    assert told.exit_code == 1
    assert "error: ledger: the ledger lacks the live snapshot" in told.output
    assert "to mend it: start the server" in told.output
    as_json = runner.invoke(args=["doctor", "--json"])
    assert [json.loads(line)["check"] for line in as_json.output.splitlines()] == [
        "ledger",
        "versions",
    ]
