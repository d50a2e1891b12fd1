"""A lake that is filled in two parts, so that engines can read it at two moments."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import Any, Final, Self

import msgspec
import requests

from app.services import Services
from catalog.snapshots import remove_tags, tag_snapshot
from catalog.table import load_table
from chatlake_client.contract import Terms, submissions_of
from chatlake_client.importer import Found, read_conversations
from tests.engines.contents import Contents, contents
from tests.factories import make_contribution
from tests.functional.server import REQUEST_TIMEOUT_S, Server
from tests.old_lakes import append_old, make_old_tables

WAIT_S: Final = 30
BY_HAND: Final = 24 * 60 * 60
"""A `maintenance_interval_s` at which no test lasts until it is due."""
TO_THINNING: Final[Mapping[str, Any]] = {
    "maintenance_interval_s": BY_HAND,
    "compact_open_day_files": 2,
    "keep_snapshots": 1,
    "keep_hourly_snapshots": 0,
    "keep_daily_snapshots": 0,
}
"""Settings of a lake whose older snapshots are thinned, and all files compacted, by one command."""

_TABLE: Final = "iceberg/v1/namespaces/chatlake/tables/contributions"
_LATER_PARTS: Final = 4
_REPLACED: Final = 20
_HIDDEN_STEP: Final = 7
_TAG: Final = "between-the-parts"
_CONTRIBUTOR: Final = "kJ3nd8sKqW0pLxZt77aB"
_ODD: Final = (
    "emoji \U0001f469\u200d\U0001f680",
    "\u0645\u0631\u062d\u0628\u0627 \u202eright to left\u202c",
    "e\u0301 is not \u00e9",
    "  white space \t\r\n at both ends \n",
    "=cmd|' /C calc'!A0 ' OR 1=1 --",
    "line\u2028separators\u2029 and \ufeffmarks",
)

Submission = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FilledLake:
    """What was put into a lake.

    Attributes:
        server: Serves it.
        snapshot_id: The snapshot between the parts.
        then: What the lake held as of it.
        now: What it holds.
    """

    server: Server
    snapshot_id: str
    then: Contents
    now: Contents

    def thin(self) -> None:
        """Compact the lake and thin it, so that the snapshot between the parts isn't live."""
        for command in ("compact", "thin"):
            self.server.run_lake("maintenance", command)
        answer = requests.get(f"{self.server.url}/{_TABLE}", timeout=REQUEST_TIMEOUT_S)
        live = {str(each["snapshot-id"]) for each in answer.json()["metadata"]["snapshots"]}
        assert self.snapshot_id not in live

    @contextmanager
    def hiding(self) -> Iterator[Self]:
        """Hide some of the rows within the block, and yield a lake without them.

        The snapshot between the parts is tagged meanwhile: engines get no other old ones then.
        """
        services = Services(self.server.lake)
        table = load_table(services.catalog)
        now, then = self._rows(), self._rows(snapshot_id=self.snapshot_id)
        hidden = {row["contribution_id"] for row in now[::_HIDDEN_STEP]}
        tag_snapshot(table, _TAG, int(self.snapshot_id))
        with services.database.write() as connection:
            services.access.hidden.hide(connection, hidden, "quarantine")
        shown, shown_then = (
            contents(row for row in rows if row["contribution_id"] not in hidden)
            for rows in (now, then)
        )
        try:
            yield replace(self, now=shown, then=shown_then)
        finally:
            with services.database.write() as connection:
                services.access.hidden.show(connection, hidden, "quarantine")
            remove_tags(table, [_TAG])
            services.close()

    def latest_on(self, day: date) -> Contents:
        """Return what the lake holds of a day, without what was replaced."""
        return contents(self._rows(versions="latest", day=f"{day}"))

    def _rows(self, **parameters: str) -> list[dict[str, Any]]:
        """Return rows as the server streams them; every version, unless the parameters differ."""
        answer = requests.get(
            f"{self.server.url}/v1/contributions",
            params={"versions": "all", **parameters},
            headers={"Accept": "application/x-ndjson"},
            timeout=REQUEST_TIMEOUT_S,
        )
        assert answer.status_code == requests.codes.ok, answer.text
        return [json.loads(line) for line in answer.iter_lines()]


def made_up(rows: int) -> list[Submission]:
    """Return conversations of several turns; some of their texts are odd, all are different."""
    random = Random(20261124)  # noqa: S311  # it makes texts, not secrets
    words = ["".join(random.choices("etaoinshrdlu", k=k % 9 + 1)) for k in range(2_000)]

    def text() -> str:
        ordinary = " ".join(random.choices(words, k=random.randint(3, 60)))
        return f"{ordinary} {random.choice(_ODD)}" if random.random() < 0.1 else ordinary

    return [
        _numbered(
            {
                "agent_id": "made-up",
                "conversation": [
                    {"role": role, "content": text()}
                    for _ in range(random.randint(1, 4))
                    for role in ("user", "assistant")
                ],
                **(_of_conversation(text) if number % 3 else {}),
            },
            number,
        )
        for number in range(rows)
    ]


def _of_conversation(text: Callable[[], str]) -> Submission:
    """Return what a conversation may have beside texts, with two more turns."""
    call = {"id": "call-1", "name": "look_up", "arguments": '{"word": "sky"}'}
    answer = {"content": text(), "role": "assistant", "model": "m-1", "tool_calls": [call]}
    picture = {"kind": "image", "media_type": "image/png", "bytes": 17, "text": text()}
    turns = [
        {"content": text(), "role": "user", "attachments": [picture]},
        {
            **answer,
            "reasoning": text(),
            "created_at": "2026-11-24T08:30:00.25Z",
            "alternatives": [[answer, {"content": text(), "role": "tool"}], [{"content": text()}]],
        },
    ]
    return {"title": text(), "labels": {"a": text(), "b": "c"}, "conversation": turns}


def from_files(files: Sequence[Path], rows: int) -> list[Submission]:
    """Return the conversations of files, again and again under other ids, until there are enough.

    Args:
        files: JSON, JSONL, CSV or Parquet, as `scripts/ingest` takes them.
        rows: How many.
    """
    bodies = [
        body
        for file in files
        for found in read_conversations(file)
        if isinstance(found, Found)
        for body, _ in submissions_of(found.conversation, found.losses, Terms())
    ]
    return [_numbered(body, number) for number, body in enumerate(islice(cycle(bodies), rows))]


def make_old_files(server: Server) -> list[Submission]:
    """Give a server, before its first start, a lake with data files of before step 3; tell rows."""
    old = [make_contribution(f"before step 3: {text}") for text in _ODD]
    services = Services(server.lake)
    services.database.make_folder()
    make_old_tables(services.catalog)
    append_old(load_table(services.catalog), old)
    services.close()
    return [msgspec.to_builtins(contribution) for contribution in old]


def fill(
    server: Server, submissions: Sequence[Submission], old: Sequence[Submission] = ()
) -> FilledLake:
    """Upload half of the submissions, then the others in parts and new versions of some.

    Args:
        server: The server.
        submissions: The submissions.
        old: What the lake has already.
    """
    half = len(submissions) // 2
    first, rest = submissions[:half], submissions[half:]
    snapshot_id = _upload(server, first)
    for part in range(_LATER_PARTS):
        _upload(server, rest[part::_LATER_PARTS])
    replaced = [_replaced(submission) for submission in first[:_REPLACED]]
    _upload(server, replaced)
    return FilledLake(
        server, snapshot_id, contents([*old, *first]), contents([*old, *submissions, *replaced])
    )


def _numbered(body: Mapping[str, Any], number: int) -> Submission:
    # Ids that could be guessed own nothing, and what they name is never replaced.
    return {**body, "submitter_id": _CONTRIBUTOR, "ingest_id": f"conversation-{number}"}


def _replaced(submission: Submission) -> Submission:
    return {**submission, "conversation": [{"content": "a later version", "role": "user"}]}


def _upload(server: Server, submissions: Sequence[Submission]) -> str:
    """Return the snapshot in which they are."""
    answer = requests.post(
        f"{server.url}/v1/ingest/chats",
        data=_lines(submissions),
        headers={"Content-Type": "application/x-ndjson", "Prefer": f"wait={WAIT_S}"},
        timeout=REQUEST_TIMEOUT_S + WAIT_S,
    )
    assert answer.status_code == requests.codes.ok, answer.text
    assert answer.json()["accepted"] == len(submissions), answer.text
    snapshot_id: str = answer.json()["snapshot_id"]
    return snapshot_id


def _lines(submissions: Sequence[Submission]) -> Iterator[bytes]:
    for submission in submissions:
        yield json.dumps(submission).encode() + b"\n"
