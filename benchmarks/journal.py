"""Measures what a group costs the journal's transaction, and what a row costs the committer."""

import tempfile
from pathlib import Path
from statistics import median
from time import process_time

import _contributions
import _lake
import click
from msgspec.structs import replace

from app.ingest.journal.entries import encode_contribution
from app.ingest.journal.idempotency import idempotency_key
from app.ingest.journal.journal import _Item
from app.services import Services
from app.versions.keys import version_key

_GROUPS = (1, 8, 32, 64)
_SUBMITTERS = 1_000


@click.command()
@click.option("--rounds", default=5, show_default=True, help="Batches for each size of groups.")
@click.option(
    "--rows", default=4_000, show_default=True, help="In each batch; two seconds at 2,000/s."
)
@click.option("--database", help="URL of an empty PostgreSQL; SQLite by default.")
def main(rounds: int, rows: int, database: str | None) -> None:
    """Fill and drain a journal, and print medians of processor time, user and system."""
    places = {"database_url": database} if database else {}
    with tempfile.TemporaryDirectory() as home:
        services = _lake.make(Path(home), **places)
        _measure(services, rows, _GROUPS[-1], "warm")
        for group in _GROUPS:
            figures = [_measure(services, rows, group, f"{group}-{n}") for n in range(rounds)]
            groups_us, rows_us = (median(column) for column in zip(*figures, strict=True))
            print(
                f"groups of {group:2}: {groups_us:5.0f} us for each group in the journal, "
                f"{rows_us:4.0f} us for each row in the committer",
                flush=True,
            )
        services.close()


def _measure(services: Services, rows: int, group: int, name: str) -> tuple[float, float]:
    """Return the processor time of a group and of a row that is committed, in microseconds."""
    items = _items(rows, name)
    started = process_time()
    for start in range(0, rows, group):
        # Below the group commit, so that groups have the same size in each run.
        services.ingest.journal._write_group(items[start : start + group])  # noqa: SLF001
    written = process_time()
    services.jobs.committer().drain()
    drained = process_time()
    return (written - started) / (rows / group) * 1e6, (drained - written) / rows * 1e6


def _items(rows: int, name: str) -> list[_Item]:
    """Return contributions of four turns with ids, as the journal takes them."""
    named = [
        replace(made, conversation_id=f"{name}-{row}", contributor_id=f"s{row % _SUBMITTERS}")
        for row, made in enumerate(_contributions.make(rows))
    ]
    return [
        _Item(
            made,
            idempotency_key(made),
            version_key(made),
            encode_contribution(made),
            is_awaited=False,
        )
        for made in named
    ]


if __name__ == "__main__":
    main()
