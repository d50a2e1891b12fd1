"""Measures the whole curated build, beside datatrove's MinHash pipeline on the same texts."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import _contributions
import _dialogues
import _rivals_environment
import click
from _curate import CuratedBuild, append, curate
from _figure import Figure

from catalog.records import Contribution

_BENCHMARKS = Path(__file__).parent
_FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_DAYS = 10


@click.command()
@click.option("--rows", default=200_000, show_default=True, help="Conversations of about 1 kB.")
@click.option("--fewer", default=20_000, show_default=True, help="To compare the time per row.")
@click.option("--rounds", default=3, show_default=True, help="Comparisons, in turn.")
@click.option(
    "--python",
    type=click.Path(exists=True, path_type=Path),
    help="datatrove's Python, when its environment is there already.",
)
def main(rows: int, fewer: int, rounds: int, python: Path | None) -> None:
    """Compare, and print medians, ratios and the peak of memory."""
    datatrove = python or _rivals_environment.ensure("datatrove")
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as scratch:
        many, few, texts = (Path(scratch) / name for name in ("many", "few", "texts"))
        append(many, _contributed(rows))
        append(few, _contributed(fewer))
        _write_texts(texts, rows, files=cores)
        builds, small, theirs = [], [], []
        for number in range(1, rounds + 1):
            builds.append(_curate_anew(many))
            small.append(_curate_anew(few))
            theirs.append(_deduplicate(datatrove, texts, cores))
            print(
                f"  round {number}: {rows} rows {builds[-1].seconds:.0f} s, "
                f"{fewer} rows {small[-1].seconds:.0f} s, "
                f"datatrove {theirs[-1].seconds:.0f} s for {rows} rows",
                flush=True,
            )
    _report(rows, fewer, builds, small, theirs)


def _report(
    rows: int,
    fewer: int,
    builds: list[CuratedBuild],
    small: list[CuratedBuild],
    theirs: list[Figure],
) -> None:
    faster = [their.seconds / build.seconds for their, build in zip(theirs, builds, strict=True)]
    growth = [
        (build.seconds / rows) / (less.seconds / fewer)
        for build, less in zip(builds, small, strict=True)
    ]
    print(f"kept: {builds[0].rows} of {rows}, by datatrove {theirs[0].rows}")
    print(f"the curated build is {median(faster):.1f} times as fast as datatrove's MinHash")
    print(f"a row of {rows} takes {median(growth):.2f} times as long as one of {fewer}")
    peak_mib = max(build.peak_bytes for build in builds) / 2**20
    print(f"peak memory of all its processes: {peak_mib:.0f} MiB")


def _contributed(rows: int) -> Iterator[Contribution]:
    apart = timedelta(days=_DAYS) / rows
    for number, texts in enumerate(_dialogues.make(rows)):
        yield _contributions.of_texts(texts, _FIRST_DAY + number * apart)


def _write_texts(folder: Path, rows: int, files: int) -> None:
    """Write the dialogues in the form that datatrove reads."""
    folder.mkdir()
    with ExitStack() as stack:
        outputs = [stack.enter_context((folder / f"{n}.jsonl").open("w")) for n in range(files)]
        for number, texts in enumerate(_dialogues.make(rows)):
            line = json.dumps({"id": str(number), "text": "\n".join(texts)})
            outputs[number % files].write(line + "\n")


def _curate_anew(home: Path) -> CuratedBuild:
    """Curate a lake from nothing, and then restore the lake."""
    before = home.with_name(f"{home.name}-before")
    shutil.copytree(home, before)
    build = curate(home)
    # Iceberg's metadata holds absolute paths, so the lake that is kept has to lie at the old path.
    shutil.rmtree(home)
    before.rename(home)
    return build


def _deduplicate(python: Path, texts: Path, workers: int) -> Figure:
    done = subprocess.run(
        [python, _BENCHMARKS / "rivals" / "with_datatrove.py", texts, "--workers", str(workers)],
        check=True,
        env=os.environ | {"PYTHONPATH": str(_BENCHMARKS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return Figure.from_json(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
