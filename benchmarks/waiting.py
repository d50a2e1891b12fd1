"""Measures how long submissions wait for their commit beside a large upload.

The upload's conversations have ids of the client, which own something: the committer has to find
out for each whether it replaces another. With `--root`, the server of another checkout is measured
after this one's, on a lake of its own.
"""

import json
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from os import getpid
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

import _memory
import _servers
import click
import requests

_SUBMITTER: Final = "b7f3c1d9a5e24c86b0d2f4a6c8e0133557799bbd"
_TIMEOUT_S: Final = 3_600
_WAIT: Final = {"Prefer": "wait=120"}


@click.command()
@click.option("--rows", default=1_000_000, show_default=True, help="Conversations of the upload.")
@click.option("--before", default=0, show_default=True, help="Conversations uploaded before.")
@click.option("--root", type=click.Path(path_type=Path), help="Another checkout to measure.")
def main(rows: int, before: int, root: Path | None) -> None:
    """Upload while a client submits and waits again and again, and print a JSON line."""
    for checkout in filter(None, (_servers.ROOT, root)):
        with (
            tempfile.TemporaryDirectory() as home,
            _servers.chatlake(Path(home), workers=2, root=checkout) as url,
        ):
            if before:
                _upload(url, "before", before)
            print(json.dumps({"checkout": checkout.name, **_measured(url, rows)}), flush=True)


def _measured(url: str, rows: int) -> dict[str, object]:
    started, used = perf_counter(), _memory.tree_cpu_s(getpid())
    waits_s = []
    with ThreadPoolExecutor(1) as pool:
        uploading = pool.submit(_upload, url, "large", rows)
        number = 0
        while not uploading.done():
            began = perf_counter()
            _submit(url, number)
            waits_s.append(perf_counter() - began)
            number += 1
        uploading.result()
    return {
        "rows": rows,
        "upload_and_commit_s": round(perf_counter() - started, 1),
        "cpu_s": round(_memory.tree_cpu_s(getpid()) - used, 1),
        "waits": len(waits_s),
        "median_wait_s": round(median(waits_s), 2),
        "longest_wait_s": round(max(waits_s), 2),
    }


def _submit(url: str, number: int) -> None:
    body = _conversation(f"small-{number}")
    headers = {"Content-Type": "application/json", **_WAIT}
    answer = requests.post(f"{url}/v1/ingest/chat", body, headers=headers, timeout=_TIMEOUT_S)
    answer.raise_for_status()


def _upload(url: str, name: str, rows: int) -> None:
    """Upload conversations, and return once they are committed."""
    headers = {"Content-Type": "application/x-ndjson", **_WAIT}
    lines = (_conversation(f"{name}-{row}") + b"\n" for row in range(rows))
    pieces = _joined(lines, 10_000)
    answer = requests.post(f"{url}/v1/ingest/chats", pieces, headers=headers, timeout=_TIMEOUT_S)
    answer.raise_for_status()


def _joined(lines: Iterator[bytes], at_once: int) -> Iterator[bytes]:
    while piece := b"".join(islice(lines, at_once)):
        yield piece


def _conversation(ingest_id: str) -> bytes:
    texts = {"user": f"What is {ingest_id}?", "assistant": "A conversation of the benchmark."}
    turns = [{"role": role, "content": text} for role, text in texts.items()]
    ids = {"agent_id": "benchmark", "submitter_id": _SUBMITTER, "ingest_id": ingest_id}
    made = {**ids, "conversation": turns}
    return json.dumps(made).encode()


if __name__ == "__main__":
    main()
