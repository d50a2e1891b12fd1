"""Measures plain pyiceberg in this process, with one commit for each row."""

import tempfile
from pathlib import Path

import _rows
import click
import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog


@click.command()
@click.argument("row", type=click.Path(path_type=Path))
@click.option("--seconds", type=float, required=True)
def main(row: Path, seconds: float) -> None:
    """Append a row at a time to a new table, and print the figure."""
    batch = pa.Table.from_pylist(_rows.read(row), _rows.SCHEMA)
    with tempfile.TemporaryDirectory() as folder:
        catalog = SqlCatalog("plain", uri=f"sqlite:///{folder}/catalog.db", warehouse=folder)
        catalog.create_namespace("plain")
        table = catalog.create_table("plain.rows", _rows.SCHEMA)
        print(_rows.repeat(lambda: table.append(batch), seconds).to_json())
        catalog.engine.dispose()


if __name__ == "__main__":
    main()
