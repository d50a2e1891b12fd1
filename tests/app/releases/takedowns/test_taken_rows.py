from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.releases.files.published_rows import PublishedFile
from app.releases.left_out import LeftOut
from app.releases.manifest import Manifest, ReleaseFile
from app.releases.takedowns.rewriting import revised_path
from app.releases.takedowns.taken_rows import TakenRows, find_taken_rows
from catalog.reading.membership import NO_IDS
from tests.app.releases.factories import make_manifest

SHARED: dict[str, Any] = {"shared_prompts": True}
IDS = pa.array(["b", "d"], NO_IDS.type)


def found_in(folder: Path, rows: list[dict[str, Any]], manifest: Manifest) -> TakenRows:
    """Return what is found in a release of one file with these rows."""
    path = "parquet/train-00000.parquet"
    (folder / path).parent.mkdir()
    pq.write_table(pa.Table.from_pylist(rows), folder / path)
    file = PublishedFile.local(ReleaseFile(path, len(rows), 1, ""), folder)
    return find_taken_rows(manifest, [file], IDS)


def test_rows_are_found_by_their_contribution(tmp_path: Path) -> None:
    rows = [{"contribution_id": each} for each in "abbc"]
    taken = found_in(tmp_path, rows, make_manifest())
    assert taken.ids.to_pylist() == ["b"]
    assert taken.masks["train"].to_pylist() == [False, True, True, False]
    assert taken.rows == 2


def test_a_pair_of_two_contributions_is_of_both(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"contribution_id": "a", "other_contribution_id": None, "preference_source": "rating"},
        {"contribution_id": "c", "other_contribution_id": "d", "preference_source": "x"},
    ]
    schema = {"fields": [{"name": "other_contribution_id"}]}
    taken = found_in(tmp_path, rows, make_manifest(parameters=SHARED, schema=schema))
    assert (taken.ids.to_pylist(), taken.masks["train"].to_pylist()) == (["d"], [False, True])


def test_a_pair_that_does_not_tell_the_other_contribution_may_be_anybodys(tmp_path: Path) -> None:
    rows = [
        {"contribution_id": "a", "preference_source": "rating"},
        {"contribution_id": "c", "preference_source": "shared_prompt"},
    ]
    taken = found_in(tmp_path, rows, make_manifest(parameters=SHARED))
    assert (taken.ids.to_pylist(), taken.masks["train"].to_pylist()) == (["b", "d"], [False, True])


@pytest.mark.parametrize(
    ("examples", "reasons", "ids"),
    [({"short": "b"}, {"short"}, ["b"]), ({"short": "a"}, set(), []), ({}, {"short"}, ["b", "d"])],
)
def test_an_example_goes_with_its_contribution_or_if_that_is_not_told(
    tmp_path: Path, examples: dict[str, str], reasons: set[str], ids: list[str]
) -> None:
    real = LeftOut("short", "curated", "too short", example="Hi", is_example_real=True)
    made_up = LeftOut("long", "curated", "too long", example="Hello")
    manifest = make_manifest(reasons=[real, made_up], examples=examples)
    taken = found_in(tmp_path, [{"contribution_id": "a"}], manifest)
    assert taken.examples == frozenset(reasons)
    assert (taken.ids.to_pylist(), taken.rows) == (ids, 0)


@pytest.mark.parametrize(
    ("path", "revision", "revised"),
    [
        ("parquet/train-00000.parquet", 2, "parquet/train-00000-r2.parquet"),
        ("jsonl/test-00012-r2.jsonl", 3, "jsonl/test-00012-r3.jsonl"),
        ("data/contributions-00000.parquet", 10, "data/contributions-00000-r10.parquet"),
    ],
)
def test_a_file_has_the_name_of_its_first_revision_with_the_number_of_its_own(
    path: str, revision: int, revised: str
) -> None:
    assert revised_path(path, revision) == revised
