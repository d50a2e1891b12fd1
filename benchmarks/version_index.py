"""Measures submissions and commits beside an index of versions with many keys, and an empty one.

Filling it with 100 million keys takes 7 GB of disk and some ten minutes. The measures alternate
between the two lakes, and the last line is the ratio of their medians.
"""

import json
import os
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter, process_time

import _lake
import click
import numpy as np

from app.ingest.decoding.contributions import new_contribution_id
from app.services import Services
from app.versions.index import add_rows
from catalog.records import Contribution, Turn, time_of

_KEYS_AT_A_TIME = 100_000
_CLIENTS = 32
_COMMIT_NUMBER = 0
"""Of the made-up versions: before every commit."""


@click.command()
@click.option("--keys", default=10_000_000, show_default=True)
@click.option("--rounds", default=5, show_default=True, help="Comparisons, in turn.")
@click.option("--rows", default=2_000, show_default=True, help="Submissions of a round.")
@click.option("--home", type=click.Path(path_type=Path), help="Where to make the lakes; they stay.")
def main(keys: int, rounds: int, rows: int, home: Path | None) -> None:
    """Fill the index of one of two lakes, and submit to and commit both in turn."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = home or Path(scratch)
        empty, full = (_lake.make(folder / name) for name in ("empty", f"full-{keys}"))
        _fill(full, keys)
        lakes = {"empty": empty, f"{keys} keys": full}
        measured: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for _ in range(rounds):
            for name, services in lakes.items():
                for measure, value in _round(services, rows).items():
                    measured[measure][name].append(value)
        for measure, values in measured.items():
            few, many = (median(values[name]) for name in lakes)
            line = {"measure": measure, "empty": few, "full": many, "ratio": many / few}
            print(json.dumps({"keys": keys, **line}), flush=True)


def _fill(services: Services, keys: int) -> None:
    """Add random versions in the order of their conversations, unless the index has some."""
    index = services.versions.index
    with index.database.read() as connection:
        if connection.exec_driver_sql("SELECT 1 FROM versions LIMIT 1").first():
            return
    started, chance = perf_counter(), np.random.default_rng(1)
    steps = max(1, keys // _KEYS_AT_A_TIME)
    for step in range(steps):
        # Ascending from step to step, as filling it from a lake is.
        conversations = np.sort(chance.integers(0, 2**64 // steps, _KEYS_AT_A_TIME, np.uint64))
        first = conversations + np.uint64(step * (2**64 // steps))
        random = chance.bytes(40 * _KEYS_AT_A_TIME)
        rows = [
            (
                int(begin).to_bytes(8, "big") + random[place : place + 8],
                random[place + 8 : place + 24],
                random[place + 24 : place + 40],
                _COMMIT_NUMBER,
            )
            for begin, place in zip(first.tolist(), range(0, len(random), 40), strict=True)
        ]
        with index.writing() as connection:
            add_rows(connection, rows)
        index.database.checkpoint(0)
    print(
        json.dumps({"measure": "fill_s", "keys": keys, "s": perf_counter() - started}), flush=True
    )


def _round(services: Services, rows: int) -> dict[str, float]:
    """Submit from several threads, commit, and make checkpoints."""
    made = [_contribution() for _ in range(rows)]

    def submit(contribution: Contribution) -> float:
        started = perf_counter()
        services.ingest.journal.append(contribution)
        return perf_counter() - started

    cpu = process_time()
    with ThreadPoolExecutor(_CLIENTS) as clients:
        times = list(clients.map(submit, made))
    submitted = process_time()
    services.jobs.committer().drain()
    committed = process_time()
    # As the committer's process does four times a second: its log doesn't grow with the rounds.
    if checkpoints := services.jobs.checkpoints():
        checkpoints.make()
    return {
        "submission_p99_ms": 1000 * quantiles(times, n=100)[98],
        "submission_cpu_us": (submitted - cpu) / rows * 1e6,
        "commit_cpu_us_a_row": (committed - submitted) / rows * 1e6,
        "commit_and_checkpoint_cpu_us_a_row": (process_time() - submitted) / rows * 1e6,
    }


def _contribution() -> Contribution:
    contribution_id = new_contribution_id()
    return Contribution(
        contribution_id=contribution_id,
        conversation_id=os.urandom(16).hex(),
        received_at=time_of(contribution_id),
        agent_id="bench",
        conversation=(Turn(os.urandom(100).hex()),),
        content_hash=os.urandom(32).hex(),
    )


if __name__ == "__main__":
    main()
