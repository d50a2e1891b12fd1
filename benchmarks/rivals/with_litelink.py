"""Measures litelink in this process, without a server and without maintenance."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import _rows
import click
import litelink
import pyarrow.json
from _figure import Figure

_ROWS_IN_EXTEND = 10_000


@click.group()
def main() -> None:
    """Measure one way to store rows durably in a new log, and print the figure."""


@main.command()
@click.argument("row", type=click.Path(path_type=Path))
@click.option("--seconds", type=float, required=True)
def append(row: Path, seconds: float) -> None:
    """Append a row at a time, each durable when the call returns."""
    [only] = _rows.read(row)
    _in_new_log(lambda log: _rows.repeat(lambda: log.append(only), seconds))


@main.command()
@click.argument("rows", type=click.Path(path_type=Path))
def extend(rows: Path) -> None:
    """Add ready dicts to the buffer, in large transactions."""
    ready = _rows.read(rows)

    def store(log: litelink.WriteHandle) -> Figure:
        started = monotonic()
        for group in _rows.groups(ready, _ROWS_IN_EXTEND):
            log.extend(group)
        return Figure(len(ready), monotonic() - started)

    _in_new_log(store)


@main.command()
@click.argument("rows", type=click.Path(path_type=Path))
@click.option("--parsed", is_flag=True, help="Start from a table in memory, not from NDJSON.")
def ingest(rows: Path, parsed: bool) -> None:
    """Write data files directly, as litelink advises for rows that are durable elsewhere."""
    table = _parse(rows) if parsed else None

    def store(log: litelink.WriteHandle) -> Figure:
        started = monotonic()
        loaded = _parse(rows) if table is None else table
        log.ingest(loaded)
        return Figure(len(loaded), monotonic() - started)

    _in_new_log(store)


def _parse(rows: Path) -> pyarrow.Table:
    options = pyarrow.json.ParseOptions(explicit_schema=_rows.SCHEMA)
    return pyarrow.json.read_json(rows, parse_options=options)


def _in_new_log(store: Callable[[litelink.WriteHandle], Figure]) -> None:
    with (
        tempfile.TemporaryDirectory() as root,
        litelink.new(root, "rows", schema=_rows.SCHEMA) as log,
    ):
        print(store(log).to_json())


if __name__ == "__main__":
    main()
