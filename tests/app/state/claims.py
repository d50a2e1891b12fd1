"""Rows that tests of the database write."""

from datetime import UTC, datetime

from sqlalchemy import func, select

from app.state.db import Database
from app.state.models import Claim

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def claim_of(name: str, batch_id: str = "batch") -> dict[str, object]:
    """Return the values of a claim."""
    return {"table_name": name, "batch_id": batch_id, "entry_runs": b"", "claimed_at": _NOW}


def claims_in(database: Database) -> int | None:
    """Return the number of claims in a database."""
    with database.read() as connection:
        return connection.scalar(select(func.count()).select_from(Claim))
