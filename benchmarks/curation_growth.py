"""Measures what a change costs that comes to a large day: one more row, and one hidden."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import _contributions
import _dialogues
import _lake
import click
from _curate import append, curate
from msgspec.structs import replace

from catalog.records import Contribution

_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_PART_OF_DAY = 0.9
"""The part of the day within which the first rows are received."""
_CONTRIBUTORS = 100


@click.command()
@click.option("--rows", default=100_000, show_default=True, help="Conversations of the day.")
@click.option("--home", type=click.Path(path_type=Path), help="Where the lake is kept.")
def main(rows: int, home: Path | None) -> None:
    """Curate a day from nothing and after changes, and print what each build took."""
    with tempfile.TemporaryDirectory() as scratch:
        lake = home or Path(scratch) / "lake"
        apart = timedelta(days=_PART_OF_DAY) / rows
        texts = _dialogues.make(rows + 2)
        first = [_received(next(texts), number, number * apart) for number in range(rows)]
        hidden = first[rows // 3].contribution_id
        print(f"{'':24} {'seconds':>8} {'processor':>10} {'MiB':>6} {'kept':>8}")
        append(lake, first)
        _print("from nothing", lake)
        _print("nothing new", lake)
        append(lake, [_received(next(texts), 0, timedelta(days=_PART_OF_DAY))])
        _print("one more at the end", lake)
        append(lake, [_received(next(texts), 0, timedelta(days=_PART_OF_DAY / 2))])
        _print("one more in the middle", lake)
        services = _lake.make(lake)
        services.moderation.service.put_into_quarantine([hidden], "benchmark", None)
        services.close()
        _print("one hidden", lake)


def _received(texts: list[str], number: int, after: timedelta) -> Contribution:
    made = _contributions.of_texts(texts, _DAY + after)
    return replace(made, contributor_id=f"contributor {number % _CONTRIBUTORS}")


def _print(name: str, lake: Path) -> None:
    build = curate(lake)
    print(
        f"{name:24} {build.seconds:8.1f} {build.cpu_seconds:10.1f} "
        f"{build.peak_bytes / 2**20:6.0f} {build.rows:8}",
        flush=True,
    )


if __name__ == "__main__":
    main()
