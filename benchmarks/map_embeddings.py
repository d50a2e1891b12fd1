"""Compares the embeddings of maps by how often a prompt finds its own response.

A prompt and its response are about the same subject. So an embedding is good when the vector of a
prompt is nearer to that of its own response than to those of other responses. For each embedding
this prints the share of prompts whose response is the nearest, and is among the ten nearest.

    python benchmarks/map_embeddings.py FILE [EMBEDDING…]

FILE is a JSON list with `instruction`, `input` and `response`, such as GPTeacher's.
"""

import json
import sys
from pathlib import Path
from time import perf_counter

import numpy as np

from app.maps.points.embed import EMBEDDINGS, make_embedder

TEN = 10


def main(file: str, *wanted: str) -> None:
    """Print a line for each embedding."""
    rows = json.loads(Path(file).read_bytes())
    prompts = [f"{row['instruction']}\n{row['input']}"[:1000] for row in rows]
    responses = [row["response"][:1000] for row in rows]
    print(f"{len(rows)} prompts with responses")
    for name in (known for known in EMBEDDINGS if not wanted or known in wanted):
        start = perf_counter()
        embedder = make_embedder(name)
        embedder.fit([*prompts, *responses], seed=1)
        nearness = embedder.embed(prompts) @ embedder.embed(responses).T
        own = nearness.diagonal()[:, None]
        ranks = (nearness > own).sum(axis=1)
        print(
            f"{name:10} nearest {np.mean(ranks < 1):.3f}  among ten {np.mean(ranks < TEN):.3f}  "
            f"{perf_counter() - start:.1f} s"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
