"""Has every engine of docs/reading.md read one lake, on local files and on S3.

`scripts/engines [FILE…]` runs it. Each engine must find the rows that were sent, now and at an
older snapshot, and less where rows are hidden; then the lake is compacted and thinned, and what
the page has for that must find them too. It exits with 1 when anything differs.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

import click

from tests.engines.filled_lake import (
    TO_THINNING,
    FilledLake,
    Submission,
    fill,
    from_files,
    made_up,
    make_old_files,
)
from tests.engines.reader import Reader, SnippetFailed
from tests.engines.snippets import LIVE, THINNED, snippets
from tests.functional.server import Server
from tests.servers.cluster import Cluster, cluster
from tests.servers.s3 import READER_KEY_ID, READER_SECRET_KEY, VENDED

LOCAL: Final = "local"
S3: Final = "s3"

_SPARK_ON_S3: Final = "Spark on S3"
_S3_JARS: Final = "lib/python*/site-packages/sagemaker_pyspark/jars"


@dataclass
class Comparison:
    """Engines on one lake.

    Attributes:
        place: Where its files are.
        reader: Runs the engines.
        lake: The lake.
        wrong: How many read something else than was sent.
    """

    place: str
    reader: Reader
    lake: FilledLake
    wrong: int = 0

    def compare(self, name: str) -> None:
        """Have a snippet read, and say what it found."""
        started = monotonic()
        try:
            found = self.reader.read(snippets()[name], self.lake)
        except SnippetFailed as error:
            self.wrong += 1
            click.echo(f"{self.place}: {name}: FAILED: {error}")
            return
        moments = ("now", "then") if name in LIVE else ("then",)
        expected = {moment: getattr(self.lake, moment) for moment in moments}
        self.wrong += found != expected
        rows = ", ".join(
            f"{moment} {read.rows} of {expected[moment].rows} rows,"
            f" {'the same' if read == expected[moment] else 'OTHER'} texts"
            for moment, read in found.items()
        )
        click.echo(f"{self.place}: {name}: {rows}; {monotonic() - started:.1f} s")


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--python", required=True, type=click.Path(path_type=Path), help="Of the engines.")
@click.option("--rows", default=10_000, show_default=True, help="How many conversations.")
@click.option("--place", "places", type=click.Choice([LOCAL, S3]), multiple=True)
@click.option("--snippet", "chosen", type=click.Choice([*LIVE, *THINNED]), multiple=True)
def main(
    files: tuple[Path, ...],
    python: Path,
    rows: int,
    places: tuple[str, ...],
    chosen: tuple[str, ...],
) -> None:
    """Have every engine read one lake of the conversations in FILES, or of made-up ones."""
    submissions = from_files(files, rows) if files else made_up(rows)
    names = chosen or (*LIVE, *THINNED)
    wrong = 0
    for place in places or (LOCAL, S3):
        with (
            tempfile.TemporaryDirectory(prefix="chatlake-engines-") as folder,
            _served(place, Path(folder), python) as (server, reader, old),
        ):
            comparison = Comparison(place, reader, fill(server, submissions, old))
            for name in filter(names.__contains__, LIVE):
                comparison.compare(name)
            with comparison.lake.hiding() as shown:
                hiding = Comparison(f"{place}, rows hidden", reader, shown)
                for name in filter(names.__contains__, LIVE):
                    hiding.compare(name)
                wrong += hiding.wrong
            comparison.lake.thin()
            for name in filter(names.__contains__, THINNED):
                comparison.compare(name)
            wrong += comparison.wrong
    click.echo(f"{wrong} read something else" if wrong else "all read the same")
    sys.exit(bool(wrong))


@contextmanager
def _served(
    place: str, folder: Path, python: Path
) -> Iterator[tuple[Server, Reader, list[Submission]]]:
    """Yield a server of a lake with old data files, a reader of these, and what is in them."""
    # DuckDB keeps its extensions at home.
    variables = {"HOME": str(folder), "POLARS_ICEBERG_PLANNER": "pyiceberg"}
    if place == LOCAL:
        reader = _reader(python, folder, variables)
        made = Server(folder / "lake", **TO_THINNING)
        old = make_old_files(made)
        with made as server:
            yield server, reader, old
        return
    with cluster() as servers:
        _configure_spark(folder, python, servers)
        reader = _reader(python, folder, {**variables, "SPARK_CONF_DIR": str(folder)})
        made = Server(folder / "lake", **TO_THINNING, **VENDED, **servers.places())
        old = make_old_files(made)
        with made as server:
            yield server, reader, old


def _reader(python: Path, folder: Path, variables: dict[str, str]) -> Reader:
    reader = Reader(python, folder, variables)
    reader.run("tests.engines.install_extensions")
    return reader


def _configure_spark(folder: Path, python: Path, servers: Cluster) -> None:
    """Write Spark's configuration as the page shows it, and where the jars are that it needs."""
    text = snippets()[_SPARK_ON_S3].code
    for shown, real in (
        ("https://s3.example.org", servers.s3.url()),
        ("SECRET_ACCESS_KEY", READER_SECRET_KEY),
        ("ACCESS_KEY_ID", READER_KEY_ID),
    ):
        assert shown in text, f"the page's configuration doesn't name {shown}"
        text = text.replace(shown, real)
    (jars,) = python.parents[1].glob(_S3_JARS)
    path = ":".join(str(jar) for jar in jars.glob("*aws*.jar"))
    (folder / "spark-defaults.conf").write_text(f"{text}spark.driver.extraClassPath {path}\n")


if __name__ == "__main__":
    main()
