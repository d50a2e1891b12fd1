"""Vectors as points in a plane, near each other when the vectors are."""

from typing import Any, Final, Protocol
from warnings import catch_warnings, simplefilter

import numpy as np
from numpy.typing import NDArray

from app.maps.embed import Vectors

Places = NDArray[np.float32]
"""Points in the plane: rows of x and y."""

MIN_UMAP_ROWS: Final = 16
"""UMAP looks at 15 neighbours of each; fewer vectors than that are laid out by PCA."""
_MIN_UMAP_DIMENSIONS: Final = 2
"""UMAP begins with two directions; vectors of one number have one, and are laid out by PCA."""
_NEIGHBOURS: Final = 15
_MIN_DISTANCE: Final = 0.1


class Projection(Protocol):
    """Has learnt from a sample of vectors how to place any.

    Attributes:
        sample_places: The places of the sample.
    """

    sample_places: Places

    def place(self, vectors: Vectors) -> Places:
        """Return the places of vectors."""


class Umap:
    """McInnes et al., UMAP (2018), in one thread and with a fixed seed, so that it repeats."""

    def __init__(self, sample: Vectors, seed: int) -> None:
        """Fit it to a sample of at least `MIN_UMAP_ROWS`."""
        with catch_warnings():
            # Its variant on TensorFlow isn't wanted.
            simplefilter("ignore", ImportWarning)
            from umap import UMAP  # noqa: PLC0415  # compiles for seconds when it is imported

        self._umap: Any = UMAP(
            n_neighbors=_NEIGHBOURS,
            min_dist=_MIN_DISTANCE,
            # Vectors have length 1: this is the order of their cosines, and knows what to do with
            # those of length 0.
            metric="euclidean",
            # The spectral one fails, or warns, where the neighbours fall into several parts.
            init="pca",
            random_state=seed,
            transform_seed=seed,
            n_jobs=1,
        )
        self.sample_places: Places = self._umap.fit_transform(sample)

    def place(self, vectors: Vectors) -> Places:
        """Return the places of vectors that aren't in the sample."""
        places: Places = self._umap.transform(vectors)
        return places


class Pca:
    """The two directions in which the vectors differ most."""

    def __init__(self, sample: Vectors) -> None:
        """Fit it to a sample of at least one vector."""
        self._mean = sample.mean(axis=0)
        _, _, directions = np.linalg.svd(sample - self._mean, full_matrices=False)
        # A vector and its opposite are equally right: the largest part is made positive.
        largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=1)[:, None], axis=1)
        self._axes = (directions * np.sign(largest))[:2]
        self.sample_places = self.place(sample)

    def place(self, vectors: Vectors) -> Places:
        """Return the places of vectors."""
        places = np.zeros((len(vectors), 2), np.float32)
        found = (vectors - self._mean) @ self._axes.T
        places[:, : found.shape[1]] = found
        return places


def fit_projection(sample: Vectors, seed: int) -> Projection:
    """Return a projection that was fitted to a sample of the vectors."""
    rows, dimensions = sample.shape
    suits_umap = rows >= MIN_UMAP_ROWS and dimensions >= _MIN_UMAP_DIMENSIONS
    return Umap(sample, seed) if suits_umap else Pca(sample)


def spread(rows: int, wanted: int) -> NDArray[np.int64]:
    """Return which of some rows make an evenly spread sample, ascending; all if they are few."""
    if rows <= wanted:
        return np.arange(rows)
    return np.arange(wanted, dtype=np.int64) * rows // wanted
