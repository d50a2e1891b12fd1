import json
from pathlib import Path

from chatlake_client.records import Accepted, Rejected, Unsent
from chatlake_client.report import RejectedFile, Tally, total


def test_a_tally_counts_accepted_and_rejected_rows() -> None:
    tally = Tally("rows.json")
    for outcome in (Accepted(1), Accepted(2), Rejected(3, "No.", {}), Unsent(4)):
        tally.add(outcome)
    assert (tally.accepted, tally.rejected) == (2, 1)
    assert tally.seconds > 0


def test_a_tally_counts_the_rows_that_would_have_lost_a_key() -> None:
    tallies = [Tally("a"), Tally("b")]
    for tally in tallies:
        tally.add(Rejected(1, "No.", {}, lost=("chosen", "rejected")))
        tally.add(Rejected(2, "No.", {}))
    tallies[0].add(Rejected(3, "No.", {}, lost=("chosen",)))
    assert total(tallies).lost == {"chosen": 3, "rejected": 2}


def test_a_tally_reads_as_one_line() -> None:
    tally = Tally("rows.json", accepted=1923, rejected=4, seconds=2.04)
    assert str(tally) == "rows.json: 1,923 accepted, 4 rejected, 2.0 s"


def test_the_total_is_the_sum_of_all_files() -> None:
    tallies = [Tally("a", 1, 2, 0.5), Tally("b", 10, 20, 1.0)]
    assert str(total(tallies)) == "total: 11 accepted, 22 rejected, 1.5 s"


def test_the_rejected_file_appears_with_its_first_row(tmp_path: Path) -> None:
    path = tmp_path / "rejected.jsonl"
    with RejectedFile(path) as rejected_rows:
        assert not path.exists()
        rejected_rows.add("a.json", Rejected(3, "No.", {"b": "ü\r\n"}, 422, {"f": ["x"]}))
        rejected_rows.add("b.csv", Rejected(4, "not JSON", "{\ud800"))
        rejected_rows.add("c.zip", Rejected(5, "No.", None, member="d.json"))
        assert rejected_rows.is_written
    assert [json.loads(line) for line in path.read_bytes().splitlines()] == [
        {
            "file": "a.json",
            "line": 3,
            "status": 422,
            "message": "No.",
            "errors": {"f": ["x"]},
            "row": {"b": "ü\r\n"},
        },
        {
            "file": "b.csv",
            "line": 4,
            "status": None,
            "message": "not JSON",
            "errors": {},
            "row": "{\ud800",
        },
        {
            "file": "c.zip/d.json",
            "line": 5,
            "status": None,
            "message": "No.",
            "errors": {},
            "row": None,
        },
    ]
