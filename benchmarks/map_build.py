"""Builds a map of conversations, and tells how long it takes and what its clusters are worth.

It prints the time of the processor and of the clock, the most memory, and for each level of
clusters their number, the share of points in none, and how well they agree with what is known of
the conversations, their `source`: the share of points whose source is the commonest of their
cluster (purity), and the normalised mutual information of clusters and sources. With `--names` it
lists the clusters.

    scripts/bench map_build FILE [ROWS] [--names]

FILE has a conversation in each line, in the form of submissions; ROWS is the number of lines to
read.
"""

import json
import resource
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.metrics import normalized_mutual_info_score

from app.maps.build import build_map
from app.maps.clusters.levels import LEVELS
from app.maps.description import POINTS_FILE, MapParameters, MapSource
from app.maps.store import MapStore
from app.maps.texts import NEEDED_COLUMNS
from catalog.schema import ARROW_SCHEMA

_BATCH_ROWS = 1_000
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_SCHEMA = pa.schema([ARROW_SCHEMA.field(name) for name in NEEDED_COLUMNS])


def main(file: str, rows: str | None = None, *, names: bool = False) -> None:
    """Build a map and print what was measured."""
    source = MapSource(stage="raw", snapshot_id="1", committed_at=_NOW)
    with TemporaryDirectory() as folder:
        seconds, processor_s = perf_counter(), process_time()
        store = MapStore(Path(folder))
        made = build_map(store, "map", source, _batches(Path(file), rows), MapParameters())
        seconds, processor_s = perf_counter() - seconds, process_time() - processor_s
        memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{made.rows} points: {processor_s:.0f} s of the processor, {seconds:.0f} s of the "
            f"clock, {memory_mib:.0f} MiB"
        )
        points = pq.read_table(store.file("map", POINTS_FILE))
    sources = points["source"].fill_null("").to_pylist()
    for level in LEVELS:
        clusters = points[level.column].fill_null("").to_pylist()
        _print_level(level.column, np.array(clusters), np.array(sources), names=names)


def _print_level(column: str, clusters: np.ndarray, sources: np.ndarray, *, names: bool) -> None:
    """Print what the clusters of a level are worth."""
    found, sizes = np.unique(clusters, return_counts=True)
    common = [np.unique(sources[clusters == name], return_counts=True) for name in found]
    purity = sum(counts.max() for _, counts in common) / len(clusters)
    mutual = normalized_mutual_info_score(sources, clusters)
    print(
        f"{column}: {np.count_nonzero(found != '')} clusters, {np.mean(clusters == ''):.3f} in "
        f"none, purity {purity:.3f}, mutual information {mutual:.3f}"
    )
    if names:
        for place in np.argsort(-sizes, kind="stable"):
            known, counts = common[place]
            most = counts.argmax()
            print(
                f"  {sizes[place]:6} {found[place]} "
                f"({known[most]} {counts[most] / sizes[place]:.0%})"
            )


def _batches(file: Path, rows: str | None) -> Iterator[pa.RecordBatch]:
    """Yield the conversations as rows of the lake."""
    with file.open("rb") as lines:
        numbered = enumerate(islice(lines, None if rows is None else int(rows)))
        while some := [*islice(numbered, _BATCH_ROWS)]:
            found = [_row(number, json.loads(line)) for number, line in some]
            yield pa.RecordBatch.from_pylist(found, _SCHEMA)


def _row(number: int, submission: dict[str, Any]) -> dict[str, Any]:
    turns = [
        {"rating": None, "stopped": False, "role": None, **turn}
        for turn in submission["conversation"]
    ]
    return {
        "contribution_id": f"{number:010}",
        "received_at": _NOW,
        "source": submission.get("source"),
        "agent_id": submission.get("agent_id", "benchmark"),
        "conversation": turns,
    }


if __name__ == "__main__":
    given = [value for value in sys.argv[1:] if value != "--names"]
    main(*given, names="--names" in sys.argv)
