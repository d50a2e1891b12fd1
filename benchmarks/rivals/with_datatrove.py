"""datatrove's MinHash pipeline over JSONL files: signatures, buckets, clusters, filter."""

import json
import tempfile
from pathlib import Path
from time import monotonic

import click
from _figure import Figure
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter


@click.command()
@click.argument("texts", type=click.Path(path_type=Path))
@click.option("--workers", type=int, required=True)
def main(texts: Path, workers: int) -> None:
    """De-duplicate a folder of JSONL files with `text` and `id`, and print the figure."""
    files = len(list(texts.glob("*.jsonl")))
    with tempfile.TemporaryDirectory() as scratch:
        started = monotonic()
        kept = _deduplicate(texts, Path(scratch), files, workers)
        print(Figure(kept, monotonic() - started).to_json())


def _deduplicate(texts: Path, scratch: Path, files: int, workers: int) -> int:
    """Run the four steps with the pipeline's own defaults; return how many texts are left."""
    config = MinhashConfig()
    reader = JsonlReader(str(texts))
    signatures, buckets, removed = (str(scratch / name) for name in ("sigs", "buckets", "removed"))

    def run(tasks: int, *pipeline: PipelineStep) -> None:
        logs = str(scratch / f"log-{type(pipeline[-1]).__name__}")
        LocalPipelineExecutor(list(pipeline), tasks=tasks, workers=workers, logging_dir=logs).run()

    run(files, reader, MinhashDedupSignature(signatures, config))
    run(config.num_buckets, MinhashDedupBuckets(signatures, buckets, config=config))
    run(1, MinhashDedupCluster(buckets, removed, config))
    kept = scratch / "kept"
    writer = JsonlWriter(str(kept), compression=None)
    run(files, reader, MinhashDedupFilter(removed), writer)
    return sum(_lines(file) for file in kept.glob("*.jsonl"))


def _lines(file: Path) -> int:
    with file.open("rb") as lines:
        return sum(1 for line in lines if json.loads(line))


if __name__ == "__main__":
    main()
