"""Measures queries in SQL within the service's limits, beside DuckDB on the same Parquet files."""

import logging
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

import _columns
import _lake
import click
import duckdb

from app.query.snapshots import Reference
from app.query.sql.errors import SqlError
from app.services import Services
from catalog.reading.plans import plan
from catalog.snapshots import live_snapshots
from catalog.table import load_table

_ADDRESS: Final = "127.0.0.1"
_QUESTIONS: Final = {
    "nothing": "SELECT 1",
    "count": "SELECT count(*) FROM contributions",
    "group": "SELECT source, count(*) FROM contributions GROUP BY source",
    "days": "SELECT received_at::DATE AS day, count(*) FROM contributions GROUP BY day",
    "roles": "SELECT role, count(*) FROM turns GROUP BY role",
    "ratings": "SELECT agent_id, rating, count(*) FROM turns WHERE rating IS NOT NULL GROUP BY ALL",
    "texts": "SELECT count(*) FROM turns WHERE content ILIKE '%qqzz%'",
    "texts of a day": "SELECT count(*) FROM turns WHERE content ILIKE '%qqzz%'"
    " AND received_at >= '2026-01-02' AND received_at < '2026-01-03'",
    "first ten": "SELECT * FROM contributions LIMIT 10",
    "newest ten": "SELECT * FROM contributions ORDER BY received_at DESC LIMIT 10",
    "pivot": "FROM (SELECT agent_id, role FROM turns)"
    " PIVOT (count(*) FOR role IN ('user', 'assistant'))",
}
_FLOOR: Final = """
    CREATE VIEW contributions AS SELECT * FROM read_parquet({files});
    CREATE VIEW turns AS SELECT *, unnest(conversation, max_depth := 2) FROM contributions;
"""


class _Endings(logging.Handler):
    """A log handler that keeps the peak memory of the last query's process."""

    peak_memory_mib = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.peak_memory_mib = vars(record)["peak_memory_kib"] // 1024


@click.command()
@click.option("--rows", default=1_000_000, show_default=True)
@click.option("--days", default=120, show_default=True)
@click.option("--rounds", default=5, show_default=True, help="Comparisons, in turn.")
@click.option("--timeout-s", default=4.0, show_default=True, help="How long a query may run.")
@click.option("--home", type=click.Path(path_type=Path), help="Where to make the lake and keep it.")
@click.argument("questions", nargs=-1, type=click.Choice(list(_QUESTIONS)))
def main(
    rows: int, days: int, rounds: int, timeout_s: float, home: Path | None, questions: list[str]
) -> None:
    """Ask some or all questions, and print medians and the peak of memory."""
    log, endings = logging.getLogger("app.query.sql.sandbox"), _Endings()
    log.setLevel(logging.INFO)
    log.addHandler(endings)
    with tempfile.TemporaryDirectory() as scratch:
        services = _lake.make(home or Path(scratch) / "lake", sql_timeout_s=timeout_s)
        if not list(live_snapshots(load_table(services.catalog))):
            for _ in _columns.fill(services.catalog, rows, days):
                services.jobs.maintenance().thinning.thin()
            services.jobs.committer().reconcile()
        floor = _floor(services)
        _ask(services, _QUESTIONS["nothing"])  # starts the template, finds the replaced versions
        for question in questions or _QUESTIONS:
            _measure(services, floor, endings, question, rounds)
        services.reading.sql.close()


def _floor(services: Services) -> duckdb.DuckDBPyConnection:
    table = load_table(services.catalog)
    files = plan(table, next(live_snapshots(table)))
    connection = duckdb.connect(config={"threads": 2})
    connection.execute(_FLOOR.format(files=[file.path.removeprefix("file://") for file in files]))
    return connection


def _measure(
    services: Services,
    floor: duckdb.DuckDBPyConnection,
    endings: _Endings,
    question: str,
    rounds: int,
) -> None:
    query = _QUESTIONS[question]
    ours_s, floor_s = [], []
    for _ in range(rounds):
        started = perf_counter()
        outcome = _ask(services, query)
        ours_s.append(perf_counter() - started)
        started = perf_counter()
        floor.sql(query).to_arrow_table()
        floor_s.append(perf_counter() - started)
    print(
        f"{question}: {outcome} in {median(ours_s):.2f} s with {endings.peak_memory_mib} MiB;"
        f" DuckDB by itself {median(floor_s):.2f} s",
        flush=True,
    )


def _ask(services: Services, query: str) -> str:
    """Run a query, and return a line about its result."""
    try:
        answer = services.reading.sql.run(
            services.reading.snapshots.view(Reference()), query, _ADDRESS
        )
    except SqlError as error:
        return str(error)
    return f"{answer.row_count} rows"


if __name__ == "__main__":
    main()
