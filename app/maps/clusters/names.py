"""Naming clusters by the terms that set them apart."""

from collections.abc import Container, Iterator, Sequence
from itertools import chain, count
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.maps.clusters.words import as_written, terms_of

_NAME_TERMS: Final = 3
_MAX_TERMS: Final = 20_000
"""Number of the most frequent terms, of which names are made."""
_MIN_SHARE: Final = 0.05
"""Share of a cluster's texts from which on a term isn't rare."""
_RARE_WEIGHT: Final = 1e-3
"""Factor of the weights of rare terms, which are in a name only where others are missing."""
_OPENING_CHARS: Final = 100
"""Texts of a cluster that begin alike, such as answers to one prompt, count as one."""
_STEM_CHARS: Final = 4
"""Words with the same beginning are taken for forms of one word, of which a name has one."""

_Clusters = NDArray[np.int64]
"""The cluster of each text, counted from 0; below 0 is none."""
_Counts = NDArray[np.float64]
"""Numbers of texts: a row for each cluster, a column for each term."""


def name_clusters(labels: NDArray[np.int64], texts: Sequence[str]) -> list[list[str]]:
    """Return the names of the clusters of each level, in the order of their labels.

    The names of a level differ. A cluster that is all of a broader one has the same name.

    Args:
        labels: A row for each text with its cluster of each level, broadest first. Each cluster
            lies within one of the level before.
        texts: The texts.
    """
    names: list[list[str]] = [[] for _ in labels.T]
    if labels.max(initial=-1) < 0:
        return names
    chosen = _distinct(labels[:, -1], texts)
    found, terms = _count_terms([texts[row] for row in chosen])
    broader = np.zeros(len(texts), np.int64)
    for level, clusters in enumerate(labels.T):
        _, first = np.unique(clusters, return_index=True)
        parents = broader[first]
        weights = _weights(*_counts(clusters[chosen], len(first), found), parents)
        undivided = np.bincount(parents)[parents] == 1
        inherited = {
            cluster: names[level - 1][parent]
            for cluster, parent in enumerate(parents)
            if level and undivided[cluster]
        }
        for cluster in range(len(parents)):
            name = inherited.get(cluster) or _name(
                cluster,
                _best_first(weights[cluster], terms),
                taken={*names[level], *inherited.values()},
            )
            names[level].append(name)
        broader = clusters
    return names


def _distinct(clusters: _Clusters, texts: Sequence[str]) -> NDArray[np.int64]:
    """Return the first rows of a cluster with each opening."""
    openings = [
        (cluster, text[:_OPENING_CHARS])
        for cluster, text in zip(clusters.tolist(), texts, strict=True)
    ]
    firsts = dict(zip(reversed(openings), reversed(range(len(texts))), strict=True))
    return np.sort(np.array([*firsts.values()], np.int64))


def _count_terms(texts: Sequence[str]) -> tuple[Any, Sequence[str]]:
    """Return which texts have which terms, as a sparse matrix, and the terms."""
    from scipy.sparse import csr_array  # noqa: PLC0415  # takes a second
    from sklearn.feature_extraction.text import CountVectorizer  # noqa: PLC0415

    counter = CountVectorizer(analyzer=list, max_features=_MAX_TERMS, binary=True)
    try:
        found = counter.fit_transform(terms_of(texts))
    except ValueError:
        # No text has any term.
        return csr_array((len(texts), 0)), []
    return found, counter.get_feature_names_out()


def _counts(clusters: _Clusters, number: int, found: Any) -> tuple[_Counts, NDArray[np.float64]]:
    """Return the counts of clusters, and the number of texts of each."""
    from scipy.sparse import csr_array  # noqa: PLC0415

    rows = len(clusters)
    members = csr_array((np.ones(rows), (clusters, np.arange(rows))), shape=(number, rows))
    return (members @ found).toarray(), members.sum(axis=1)


def _weights(counts: _Counts, sizes: NDArray[np.float64], parents: _Clusters) -> _Counts:
    """Return the weights of terms in clusters, greater where a term tells more of a cluster.

    What sets a cluster apart from all others is weighed with what sets it apart from its siblings,
    the other clusters within the same broader one.
    """
    weights = _relative_entropy(counts, sizes)
    for parent in np.unique(parents):
        siblings = parents == parent
        if 1 < siblings.sum() < len(parents):
            among = _relative_entropy(counts[siblings], sizes[siblings])
            weights[siblings] = np.sqrt(weights[siblings] * among)
    return weights


def _relative_entropy(counts: _Counts, sizes: NDArray[np.float64]) -> _Counts:
    """Return what each term adds to the relative entropy of a cluster's terms and all others'.

    It is 0 for terms that others have as often, and little for rare ones. A cluster without others
    has the shares of its texts with a term.

    Source: Tomokiyo and Hurst, A Language Model Approach to Keyphrase Extraction (2003).
    """
    share = counts / sizes[:, None]
    if len(counts) == 1:
        return share
    # One more text, with as much of each term as a text has on average: no share is 0.
    expected = counts.sum(axis=0) / sizes.sum()
    others = (counts.sum(axis=0) - counts + expected) / (sizes.sum() - sizes + 1)[:, None]
    ratio = np.divide(share, others, out=np.ones_like(share), where=share > others)
    weights: _Counts = share * np.log(ratio)
    weights[share < _MIN_SHARE] *= _RARE_WEIGHT
    return weights


def _best_first(weights: NDArray[np.float64], terms: Sequence[str]) -> Iterator[str]:
    """Yield the terms that have a weight; of those that share a word, the first."""
    stems: set[str] = set()
    # A stable sort keeps terms of equal weight in alphabetical order.
    for place in np.argsort(-weights, kind="stable"):
        if weights[place] <= 0:
            return
        own = {word[:_STEM_CHARS] for word in terms[place].split()}
        if stems.isdisjoint(own):
            stems |= own
            yield str(terms[place])


def _name(number: int, terms: Iterator[str], taken: Container[str]) -> str:
    """Return a name of the first terms, with more of them or a number if it is taken."""
    used: list[str] = []
    for term in terms:
        used.append(as_written(term))
        name = ", ".join(used)
        if len(used) >= _NAME_TERMS and name not in taken:
            return name
    name = ", ".join(used) or f"cluster {number + 1}"
    numbered = (f"{name} ({suffix})" for suffix in count(number + 1))
    return next(found for found in chain([name], numbered) if found not in taken)
