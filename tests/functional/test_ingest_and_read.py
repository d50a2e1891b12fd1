"""Two files of conversations, through the real client, the real server, and back."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from tests.backends import Backend
from tests.factories import make_submission
from tests.functional.server import Server, eventually

VISIBLE_WITHIN_S = 5.0
FIRST_VISIBLE_WITHIN_S = 20.0
"""For the first file, with which the committer also opens the table and makes its first commit.

Beside the other processes of the tests, that took 6 s once.
"""
INSTRUCTIONS = 220
CHATS = 60

Texts = Counter[tuple[str, ...]]

_ODD = (
    "emoji \U0001f469\u200d\U0001f680 \U0001f1e9\U0001f1ea",
    "\u0645\u0631\u062d\u0628\u0627 \u202eright to left\u202c",
    "Z\u0351\u036b\u0343a\u0329\u0318l\u0354g\u0321o\u0334",
    "e\u0301 is not \u00e9",
    "  white space \t\r\n at both ends \n",
    "<script>alert(1)</script> =cmd|' /C calc'!A0 ' OR 1=1 --",
    "line\u2028separators\u2029 and \ufeffmarks",
)


@dataclass(frozen=True)
class Contributed:
    """Two files that were sent to a server, one after the other.

    Attributes:
        server: The server.
        files: The files.
        texts: The texts of each file's conversations.
        snapshot_id: The newest snapshot after the first file, and before the second.
        visible_after_s: For each file, the time from the end of the client until all was visible.
    """

    server: Server
    files: tuple[Path, Path]
    texts: tuple[Texts, Texts]
    snapshot_id: str
    visible_after_s: tuple[float, float]


def _text(random: Random) -> str:
    words = ["".join(random.choices("etaoin", k=random.randint(1, 9))) for _ in range(12)]
    return " ".join([*words, random.choice(_ODD)])


def _write_instructions(path: Path, random: Random) -> Texts:
    """Write rows as GPTeacher's files have them; every tenth is there twice."""
    rows = [
        {
            "instruction": f"{number}: {_text(random)}",
            "input": "" if number % 3 else _text(random),
            "response": _text(random),
        }
        for number in range(INSTRUCTIONS * 10 // 11)
    ]
    rows += rows[: INSTRUCTIONS - len(rows)]
    path.write_text(json.dumps(rows, ensure_ascii=False))
    return Counter(
        ("\n\n".join(filter(None, (row["instruction"], row["input"]))), row["response"])
        for row in rows
    )


def _write_chats(path: Path, random: Random) -> Texts:
    """Write rows as FastChat's files have them."""
    rows = [
        {
            "id": f"identity_{number}",
            "conversations": [
                {"from": speaker, "value": f"{number}: {_text(random)}"}
                for _ in range(random.randint(1, 4))
                for speaker in ("human", "gpt")
            ],
        }
        for number in range(CHATS)
    ]
    path.write_text(json.dumps(rows))
    return Counter(tuple(turn["value"] for turn in row["conversations"]) for row in rows)  # type: ignore[index]  # the rows are of mixed types


def _send(server: Server, file: Path) -> str:
    rejected = server.home.with_name("rejected.jsonl")
    sent = server.run(
        "chatlake_client", str(file), "--url", server.url, "--rejected", str(rejected)
    )
    assert not rejected.exists(), rejected.read_text()
    return sent.stdout


def _texts(rows: list[dict[str, Any]]) -> Texts:
    return Counter(tuple(turn["content"] for turn in row["conversation"]) for row in rows)


def _read_all(server: Server, **parameters: str) -> list[dict[str, Any]]:
    """Read contributions page by page."""
    rows: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = server.get("contributions", limit=100, **parameters, **cursor)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        rows += page["contributions"]
        if page["next_cursor"] is None:
            return rows
        cursor = {"cursor": page["next_cursor"]}


@pytest.fixture(scope="module")
def contributed(
    tmp_path_factory: pytest.TempPathFactory, backend: Backend
) -> Iterator[Contributed]:
    """A server with its default commit interval, to which two files were sent."""
    folder = tmp_path_factory.mktemp("contributed")
    random = Random(20240229)  # noqa: S311  # it makes texts, not secrets
    files = (folder / "roleplay.json", folder / "chats.json")
    texts = (_write_instructions(files[0], random), _write_chats(files[1], random))
    with Server(folder / "home", commit_interval_s=2.0, **backend.places()) as server:
        snapshot_ids, visible_after_s, expected = [], [], 0
        eventually("the committer leads", lambda: server.leads)
        for file, added in zip(files, texts, strict=True):
            assert f"total: {added.total()} accepted, 0 rejected" in _send(server, file)
            sent, expected = monotonic(), expected + added.total()
            eventually(f"{expected} are visible", lambda: server.count() == expected)  # noqa: B023  # it is called at once
            visible_after_s.append(monotonic() - sent)
            newest = server.get("snapshots", limit=1).json()["snapshots"][0]
            snapshot_ids.append(newest["snapshot_id"])
        yield Contributed(
            server, files, texts, snapshot_ids[0], (visible_after_s[0], visible_after_s[1])
        )


@pytest.mark.both
def test_all_accepted_conversations_are_visible_within_seconds(contributed: Contributed) -> None:
    first_s, second_s = contributed.visible_after_s
    assert first_s < FIRST_VISIBLE_WITHIN_S
    assert second_s < VISIBLE_WITHIN_S
    assert contributed.server.count() == INSTRUCTIONS + CHATS


@pytest.mark.both
def test_every_text_comes_back_as_it_was_in_the_file(contributed: Contributed) -> None:
    rows = _read_all(contributed.server)

    assert _texts(rows) == contributed.texts[0] + contributed.texts[1]


@pytest.mark.both
def test_a_snapshot_from_between_the_files_still_shows_only_the_first(
    contributed: Contributed,
) -> None:
    server, between = contributed.server, contributed.snapshot_id

    assert server.count(snapshot_id=between) == INSTRUCTIONS
    assert _texts(_read_all(server, snapshot_id=between)) == contributed.texts[0]


# polars asks for a region in a way of its own; that S3 can be read, pyiceberg shows.
def test_pyiceberg_polars_and_duckdb_open_the_table_without_chatlake(
    contributed: Contributed, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Else polars warns that its own planner, a package apart, would be faster.
    monkeypatch.setenv("POLARS_ICEBERG_PLANNER", "pyiceberg")
    expected = contributed.texts[0] + contributed.texts[1]
    table = contributed.server.table()

    arrow: pa.Table = table.scan().to_arrow()
    assert _texts(arrow.to_pylist()) == expected

    frame = pl.scan_iceberg(table).select("conversation").collect()
    assert _texts(frame.to_dicts()) == expected

    with duckdb.connect() as connection:
        connection.register("contributions", arrow)
        found = connection.execute(
            "SELECT list_transform(conversation, lambda turn: turn.content) FROM contributions"
        ).fetchall()
    assert Counter(tuple(contents) for (contents,) in found) == expected


@pytest.mark.both
def test_duckdb_reads_the_snapshot_between_the_files_from_arrow(contributed: Contributed) -> None:
    scan = contributed.server.table().scan(snapshot_id=int(contributed.snapshot_id))

    with duckdb.connect() as connection:
        connection.register("contributions", scan.to_arrow_batch_reader())
        count = connection.execute("SELECT count(*) FROM contributions").fetchone()

    assert count == (INSTRUCTIONS,)


@pytest.mark.both
def test_the_same_files_sent_again_add_nothing(contributed: Contributed) -> None:
    server = contributed.server
    journalled = server.journalled()

    for file, texts in zip(contributed.files, contributed.texts, strict=True):
        assert f"total: {texts.total()} accepted, 0 rejected" in _send(server, file)

    # Nothing is acknowledged that isn't in the journal, so what it lacks can't come later.
    assert server.journalled() == journalled
    marker = server.submit(make_submission(source="marker"), wait_s=30)
    assert marker.status_code == 200
    assert server.count(versions="all") == INSTRUCTIONS + CHATS + 1
