from pathlib import Path

import pyarrow as pa

from app.curation.pipeline.kept_outcomes import KeptOutcomes
from app.curation.rules.interface import NO_OUTCOMES, OUTCOMES_SCHEMA

FOUND = pa.table(
    {
        "group": [b"0123456789abcdef", b"fedcba9876543210"],
        "place": [1, None],
        "other": [0, None],
        "measure": [0.75, None],
    },
    OUTCOMES_SCHEMA,
)


def test_outcomes_are_read_by_the_rules_that_wrote_them(tmp_path: Path) -> None:
    kept = KeptOutcomes(tmp_path / "outcomes")
    assert kept.read("1") == {}
    kept.write("1", {"conversations": FOUND, "prompts": NO_OUTCOMES})
    assert kept.read("1") == {"conversations": FOUND, "prompts": NO_OUTCOMES}
    assert kept.read("2") == {}
    kept.write("2", {"conversations": NO_OUTCOMES, "prompts": FOUND})
    assert kept.read("2")["prompts"] == FOUND


def test_a_file_that_cannot_be_read_is_as_none(tmp_path: Path) -> None:
    kept = KeptOutcomes(tmp_path)
    kept.write("1", {"conversations": FOUND, "prompts": FOUND})
    path = tmp_path / "prompts.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    assert kept.read("1") == {"conversations": FOUND}


def test_what_a_killed_build_left_is_removed(tmp_path: Path) -> None:
    kept = KeptOutcomes(tmp_path)
    (tmp_path / ".prompts.parquet.0123.tmp").touch()
    kept.write("1", {"prompts": FOUND})
    assert [path.name for path in tmp_path.iterdir()] == ["prompts.parquet"]
