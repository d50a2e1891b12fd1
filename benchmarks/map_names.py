"""Shows how clusters are named in scripts without spaces and in Korean: of handmade texts by topic.

Each topic is a cluster, of texts in its language alone and of all languages together.
"""

import json
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np

from app.maps.clusters.names import name_clusters

_ROWS = Path(__file__).parent / "map_name_rows.jsonl"


def main() -> None:
    """Print the names of each topic, and of each language as one cluster among the others."""
    rows = [json.loads(line) for line in _ROWS.read_text().splitlines()]
    for language, of_language in groupby(rows, itemgetter("language")):
        topics = list(of_language)
        texts = [text for row in topics for text in row["texts"]]
        clusters = np.repeat(np.arange(len(topics)), [len(row["texts"]) for row in topics])
        (names,) = name_clusters(clusters[:, np.newaxis], texts)
        for row, name in zip(topics, names, strict=True):
            print(f"{language} {row['topic']:12} {name}")
    languages = sorted({row["language"] for row in rows})
    texts = [text for row in rows for text in row["texts"]]
    of_texts = [languages.index(row["language"]) for row in rows for _ in row["texts"]]
    (names,) = name_clusters(np.array(of_texts)[:, np.newaxis], texts)
    for language, name in zip(languages, names, strict=True):
        print(f"{language} {'all topics':12} {name}")


if __name__ == "__main__":
    main()
