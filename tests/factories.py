"""Factories of test values, which fill in every field that a test doesn't set."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pyarrow as pa

from app.access.contributors.ids import Ids
from app.access.visibility.hidden import Cause
from app.ingest.decoding.content_hashes import content_hash
from app.ingest.decoding.contributions import new_contribution_id
from app.ingest.decoding.senders import Sender
from app.services import Services
from app.state import ledger_changes
from app.versions.recording import VERSION_COLUMNS, VERSION_SCHEMA
from catalog.records import Contribution, Turn, time_of
from catalog.snapshots import Snapshot
from catalog.table import append_batch, load_table

FIRST_DAY = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""Noon of the day that `make_contribution_id` counts from."""
_numbers = count()
IDS = Ids(lambda: bytes(32))
"""The ids of a lake whose secret is known."""
SENDER = Sender(IDS)
"""A client without a key, of that lake."""
UNGUESSABLE = "a40e4d2b-7d3e-4d1f-8f5b-0a4ea3d3a0f1"
"""An id of a client that owns something."""


def make_turns(*contents: str) -> tuple[Turn, ...]:
    """Return turns with these texts, alternately of a user and an assistant."""
    roles = ("user", "assistant")
    return tuple(Turn(content, roles[i % 2]) for i, content in enumerate(contents))


def make_contribution(*contents: str, **fields: Any) -> Contribution:
    """Return a contribution whose turns have these texts; other fields are made up or given."""
    contribution_id = fields.pop("contribution_id", None) or new_contribution_id()
    conversation = fields.pop("conversation", None) or make_turns(*(contents or ("Hi", "Hello")))
    made = Contribution(
        contribution_id=contribution_id,
        conversation_id=contribution_id,
        received_at=time_of(contribution_id),
        agent_id="test-agent",
        conversation=conversation,
        content_hash=content_hash(conversation),
    )
    return msgspec.structs.replace(made, **fields)


def make_submission(*contents: str, **fields: Any) -> dict[str, Any]:
    """Return the JSON of a submission whose turns have these texts."""
    roles = ("user", "assistant")
    turns = [
        {"content": content, "role": roles[i % 2]}
        for i, content in enumerate(contents or ("Hi", "Hello"))
    ]
    return {"agent_id": "test-agent", "conversation": turns, **fields}


def make_contribution_id(day: float = 0, number: int | None = None) -> str:
    """Return a UUIDv7 of noon, `day` days after `FIRST_DAY`; a higher number is a later id."""
    moment = FIRST_DAY + timedelta(days=day)
    milliseconds = int(moment.timestamp() * 1000)
    tail = next(_numbers) if number is None else number
    return str(UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | tail))


def make_received(day: int = 0, *contents: str, **fields: Any) -> Contribution:
    """Return a contribution that was received `day` days after `FIRST_DAY`."""
    return make_contribution(*contents, contribution_id=make_contribution_id(day), **fields)


def hide(services: Services, *contribution_ids: str, cause: Cause = "quarantine") -> None:
    """Hide contributions from readers for a cause, whether they are in the lake yet or not."""
    with services.database.write() as connection:
        services.access.hidden.hide(connection, contribution_ids, cause)


def show(services: Services, *contribution_ids: str) -> None:
    """Show again what `hide` has hidden."""
    with services.database.write() as connection:
        services.access.hidden.show(connection, contribution_ids, "quarantine")


def commit_batch(services: Services, *contributions: Contribution) -> Snapshot:
    """Commit contributions to the lake in one batch, as the committer does, without the journal.

    Their versions are recorded from what is in memory: reading them from the table again would be
    a third of the work.
    """
    table = load_table(services.catalog)
    snapshot = append_batch(table, uuid4(), contributions)
    services.versions.recorder.record(table, snapshot, lambda _: [_versions(contributions)])
    with services.database.write() as connection:
        ledger_changes.record(connection, [snapshot])
    return snapshot


def _versions(contributions: Sequence[Contribution]) -> pa.RecordBatch:
    """Return what the index of versions keeps of contributions of a batch."""
    *named, number = VERSION_COLUMNS
    columns = {name: [getattr(each, name) for each in contributions] for name in named}
    columns[number] = [None] * len(contributions)
    return pa.RecordBatch.from_pydict(columns, schema=VERSION_SCHEMA)
