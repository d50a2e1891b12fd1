"""Releases of preferences have the columns and the rows that TRL's trainers read."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from app.releases.errors import FormNeedsStage, FormsDiffer
from app.releases.manifest import Manifest
from app.releases.recipe import PairForm
from app.releases.service import Releases
from app.services import Services
from tests.app.releases.factories import (
    PresetStages,
    files_in,
    make_recipe,
    make_row,
    make_tool_row,
    make_turn,
    read_release,
    releases_of,
)
from tests.factories import commit_batch, make_received

COLUMNS = {
    "preference": ("prompt", "chosen", "rejected"),
    "unpaired": ("prompt", "completion", "label"),
}


def make_edited(number: int, **fields: Any) -> dict[str, Any]:
    """Return a row whose answer was edited."""
    answer = make_turn("assistant", f"answer {number}", edited_content=f"better {number}")
    turns = [make_turn("user", f"question {number % 10}"), answer]
    return make_row(number, **{"conversation": turns, "attribution": "Ada", **fields})


ROWS = [
    *(make_edited(number, day=number % 2) for number in range(40)),
    *(make_row(number, "Hi", "Hello") for number in range(40, 50)),
    make_tool_row(50),
    # Its pair is the same as that of another row.
    {**make_edited(60), "conversation": make_edited(0)["conversation"]},
]


@pytest.fixture(scope="module")
def built(shared_services: Services) -> dict[PairForm, Manifest]:
    """A release of each form of preferences."""
    releases = releases_of(shared_services, PresetStages(shared_services.catalog, ROWS))
    snapshot = commit_batch(shared_services, make_received())
    return {
        form: releases.build(make_recipe(form, "curated", form=form, test_percent=40), snapshot)
        for form in ("preference", "unpaired")
    }


@pytest.fixture
def folder(shared_services: Services, form: PairForm) -> Path:
    """The folder of the release of a form."""
    return shared_services.settings.releases / form


def is_conversational(value: Any) -> bool:
    """Tell whether TRL takes a value for messages: `is_conversational` in its `data_utils`."""
    return isinstance(value, list) and isinstance(value[0], dict) and "role" in value[0]


@pytest.mark.parametrize("form", COLUMNS)
def test_the_columns_are_those_that_trl_documents(
    built: dict[PairForm, Manifest], folder: Path, form: PairForm
) -> None:
    """https://huggingface.co/docs/trl/dataset_formats: preference and unpaired preference."""
    rows = read_release(folder, built[form]).to_pylist()
    assert len(rows) == built[form].rows
    for row in rows:
        prompt, *answers = (row[name] for name in COLUMNS[form])
        assert is_conversational(prompt)
        assert prompt[-1]["role"] in {"user", "tool"}
        for answer in answers:
            if isinstance(answer, bool):
                continue
            assert is_conversational(answer)
            assert answer[0]["role"] == answer[-1]["role"] == "assistant"
            # Prompts and answers are joined, so one doesn't begin with the other.
            assert prompt + answer != prompt
    if form == "preference":
        assert all(row["chosen"] != row["rejected"] for row in rows)


def test_each_row_says_where_its_preference_comes_from(
    built: dict[PairForm, Manifest],
) -> None:
    preference, unpaired = built["preference"], built["unpaired"]
    assert preference.sources == {"edit": 40, "rating": 1}
    assert unpaired.sources == {"edit": 80, "rating": 2}
    assert preference.contributions == unpaired.contributions == 41
    assert preference.dropped == unpaired.dropped == {"no_preference": 11}
    assert (preference.credited, preference.anonymous) == (1, 1)
    assert preference.languages == {"en": 41}
    assert preference.licences == {"CC0-1.0": 1}


@pytest.mark.parametrize("form", COLUMNS)
def test_rows_are_in_order_and_none_comes_twice(
    built: dict[PairForm, Manifest], folder: Path, form: PairForm
) -> None:
    told = []
    for file in built[form].files:
        if file.format == "parquet":
            rows = pq.read_table(folder / file.path).to_pylist()
            keys = [(row["received_at"], row["contribution_id"]) for row in rows]
            assert keys == sorted(keys)
            told += [json.dumps([row[name] for name in COLUMNS[form]]) for row in rows]
    assert len(told) == len(set(told)) == built[form].rows


def test_answers_to_the_same_question_are_in_the_same_split(
    built: dict[PairForm, Manifest], shared_services: Services
) -> None:
    folder = shared_services.settings.releases / "preference"
    questions = {
        split: {
            row["prompt"][0]["content"]
            for row in pq.read_table(folder / f"parquet/{split}-00000.parquet").to_pylist()
        }
        for split in ("train", "test")
    }
    assert all(questions.values())
    assert not questions["train"] & questions["test"]
    assert sum(built["preference"].splits.values()) == built["preference"].rows


@pytest.mark.parametrize("form", COLUMNS)
def test_the_card_says_how_each_preference_is_known(
    built: dict[PairForm, Manifest], folder: Path, form: PairForm
) -> None:
    card = (folder / "README.md").read_text()
    assert f"| `edit` | {built[form].sources['edit']} | the contributor rewrote the answer" in card
    assert f"| `rating` | {built[form].sources['rating']} | the contributor rated" in card
    assert "The lake held 52 contributions; 41 are in this release." in card
    assert "| `CC0-1.0` | 1 |" in card
    assert f"- `form`: {form}" in card
    assert "- dpo" in card if form == "preference" else "- kto" in card
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest["parameters"]["form"] == manifest["form"] == form


@pytest.mark.parametrize("form", ["preference"])
def test_fields_that_no_preference_fills_are_no_columns(
    built: dict[PairForm, Manifest], folder: Path, form: PairForm
) -> None:
    table = read_release(folder, built[form])
    prompt, chosen = (table.schema.field(name).type.value_type for name in ("prompt", "chosen"))
    assert {part.name for part in prompt} >= {"tool_calls", "reasoning_content", "tool_call_id"}
    assert [part.name for part in chosen] == ["role", "content"]
    assert {"tools", "licence"} <= set(table.column_names)
    assert "title" not in table.column_names


@pytest.mark.parametrize("form", COLUMNS)
def test_no_file_says_who_contributed(
    built: dict[PairForm, Manifest], folder: Path, form: PairForm
) -> None:
    assert built[form].credited == 1
    for path, content in files_in(folder).items():
        assert b"submitter-" not in content, path


def test_a_raw_release_has_no_preferences(releases: Releases, services: Services) -> None:
    with pytest.raises(FormNeedsStage) as caught:
        releases.build(make_recipe(form="unpaired"), commit_batch(services, make_received()))
    assert caught.value.form == "unpaired"


def test_only_releases_of_the_same_form_are_compared(
    built: dict[PairForm, Manifest], shared_services: Services
) -> None:
    releases = shared_services.publishing.releases
    assert built.keys() == {"preference", "unpaired"}
    assert releases.diff("unpaired", "unpaired", 10).total == 0
    with pytest.raises(FormsDiffer) as caught:
        releases.diff("preference", "unpaired", 1)
    assert caught.value.errors == {"other": ["Must be a release of form preference."]}
