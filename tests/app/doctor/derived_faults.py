"""Faults of what is derived from the lake: indexes, counts, `replaced`, outcomes."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa

from app.query.counts.rows import RowCounts
from app.services import Services
from app.state import ledger_changes
from catalog.records import time_of
from catalog.replaced import (
    REPLACED_ARROW_SCHEMA,
    REPLACED_IDENTIFIER,
    REPLACED_UNTIL_PROPERTY,
    ReplacedWriter,
    read_replaced,
    replaced_files,
)
from catalog.snapshots import live_snapshots
from catalog.table import append_batch, load_table
from tests.app.doctor.planting import Fault, change, garble
from tests.app.doctor.sound_lake import CHAT, FIRST_ID, NOW
from tests.factories import make_contribution_id, make_received


def on_index(*statements: str) -> Callable[[Services], None]:
    """Return what runs statements on the index of versions."""

    def plant(services: Services) -> None:
        with services.versions.index.writing() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    return plant


def _append_elsewhere(services: Services) -> None:
    append_batch(load_table(services.catalog), uuid4(), [make_received(0, "elsewhere", **CHAT)])


def _record_early(services: Services) -> None:
    _append_elsewhere(services)
    with services.database.write() as connection:
        ledger_changes.record(connection, live_snapshots(load_table(services.catalog)))


def _replaced_row(services: Services, **values: Any) -> None:
    """Append a row of a contribution that is there to `replaced`, with some other values."""
    row = {
        "contribution_id": FIRST_ID,
        "received_at": time_of(FIRST_ID),
        "replaced_by": FIRST_ID,
        "replaced_at": NOW,
        "sequence_number": 2,
        **values,
    }
    writer = ReplacedWriter(load_table(services.catalog, REPLACED_IDENTIFIER))
    writer.add(pa.Table.from_pylist([row], REPLACED_ARROW_SCHEMA))
    writer.append(5)


def _replaced_unknown(services: Services) -> None:
    unknown = make_contribution_id(9)
    _replaced_row(services, contribution_id=unknown, received_at=time_of(unknown))


def _repeat_replaced(services: Services) -> None:
    table = load_table(services.catalog, REPLACED_IDENTIFIER)
    (file,) = replaced_files(table)
    (row,) = read_replaced(table, file).to_pylist()
    _replaced_row(services, **row)


def _claim_replaced(services: Services) -> None:
    table = load_table(services.catalog, REPLACED_IDENTIFIER)
    with table.transaction() as transaction:
        transaction.set_properties({REPLACED_UNTIL_PROPERTY: "99"})


def _lose_replaced(services: Services) -> None:
    load_table(services.catalog, REPLACED_IDENTIFIER).delete()


def _miscount_file(services: Services) -> None:
    counts = services.reading.file_counts
    paths = counts.paths()
    wrong = RowCounts(1, 7, {})
    counts.forget(paths)
    counts.store(dict.fromkeys(paths, wrong))


def _count_gone_file(services: Services) -> None:
    path = f"{load_table(services.catalog).location()}/data/gone.parquet"
    services.reading.file_counts.store({path: RowCounts(1, 1, {})})


def _on_counts(statement: str) -> Callable[[Services], None]:
    def plant(services: Services) -> None:
        with services.reading.file_counts.database.write() as connection:
            connection.exec_driver_sql(statement)

    return plant


def _an_index(services: Services) -> Path:
    return min(services.settings.text_index.glob("*.sqlite"))


def _empty_parts(services: Services) -> None:
    for path in services.settings.text_index.glob("*.parts"):
        path.write_bytes(bytes(64))


def _on_text_index(*statements: str) -> Callable[[Services], None]:
    def plant(services: Services) -> None:
        for path in services.settings.text_index.glob("*.sqlite"):
            with closing(sqlite3.connect(path)) as connection, connection:
                for statement in statements:
                    connection.execute(statement)

    return plant


DERIVED_FAULTS = {
    "the index of versions is lost": Fault(
        lambda services: (services.settings.home / "chatlake-versions.db").unlink(),
        "databases",
        "isn't there",
    ),
    "the counts of files are damaged": Fault(
        lambda services: garble(services.settings.home / "chatlake-counts.db"),
        "databases",
        "chatlake-counts.db",
    ),
    "readers see what the index lacks": Fault(
        _record_early, "versions", "ends at the commit 5, and readers see the commit 6"
    ),
    "another engine's commit isn't recorded": Fault(
        _append_elsewhere, "versions", "and no committer runs"
    ),
    "the index is of another lake": Fault(
        on_index("UPDATE versions_watermark SET sequence_number = 99"),
        "versions",
        "of another lake",
    ),
    "the index lacks versions": Fault(on_index("DELETE FROM versions"), "versions", "lacks"),
    "the index has a version of another commit": Fault(
        on_index("UPDATE versions SET sequence_number = 1"), "versions", "has wrongly 2"
    ),
    "the index has versions that aren't there": Fault(
        on_index("UPDATE versions SET contribution_id = zeroblob(16)"), "versions", "has wrongly"
    ),
    "replaced names what isn't there": Fault(_replaced_unknown, "replaced", "has wrongly 1"),
    "replaced names what nothing replaced": Fault(_replaced_row, "replaced", "has wrongly 1"),
    "replaced lacks a row": Fault(_lose_replaced, "replaced", "lacks 1"),
    "replaced has a row twice": Fault(_repeat_replaced, "replaced", "repeats 1"),
    "replaced is ahead of the table": Fault(_claim_replaced, "replaced", "ends at 5"),
    "the counts of a file are wrong": Fault(_miscount_file, "summaries", "aren't those"),
    "the counts of a file are kept that is gone": Fault(
        _count_gone_file, "summaries", "gone.parquet"
    ),
    "the index of rows has other rows of contributors": Fault(
        _on_counts("UPDATE contributor_rows SET positions = zeroblob(length(positions) + 4)"),
        "summaries",
        "doesn't have the rows",
    ),
    "the index of rows has other rows of contents": Fault(
        _on_counts("UPDATE content_rows SET entries = zeroblob(length(entries))"),
        "summaries",
        "the index of rows doesn't have the rows",
    ),
    "totals of contributors are wrong": Fault(
        _on_counts("UPDATE contributor_totals SET sums = zeroblob(28)"), "summaries", "totals"
    ),
    "an index of texts lacks rows": Fault(
        _on_text_index("INSERT INTO texts(texts) VALUES ('delete-all')"),
        "text index",
        "doesn't name row 0",
    ),
    "an index of texts lacks parts of its words": Fault(
        _empty_parts, "text index", "doesn't name row 0"
    ),
    "an index of texts can't be read": Fault(
        lambda services: garble(_an_index(services)), "text index", "can't be read"
    ),
    "the texts of a file are left that is gone": Fault(
        _on_text_index("UPDATE about SET url = url || '.gone'"), "text index", "removed data file"
    ),
    "outcomes can't be read": Fault(change("outcomes/prompts.parquet", ""), "outcomes", "read"),
}
