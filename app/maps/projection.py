"""Projecting vectors to a plane, so that near vectors become near points."""

from functools import cache
from typing import Any, Final, Protocol
from warnings import catch_warnings, simplefilter

import numpy as np
from numpy.typing import NDArray

from app.maps.embed import Vectors

Coordinates = NDArray[np.float32]
"""Points in the plane: a row of x and y for each."""

MIN_UMAP_ROWS: Final = 16
"""UMAP needs 15 neighbours of each vector; fewer vectors are projected by PCA."""
_MIN_UMAP_DIMENSIONS: Final = 2
"""UMAP starts from two dimensions; vectors of a single one are projected by PCA."""
_NEIGHBOURS: Final = 15
_MIN_DISTANCE: Final = 0.1


class Projection(Protocol):
    """A projection that was fitted to a sample of vectors.

    Attributes:
        sample_coordinates: Coordinates of the sample's vectors.
    """

    sample_coordinates: Coordinates

    def project(self, vectors: Vectors) -> Coordinates:
        """Return the coordinates of vectors."""


class Umap:
    """UMAP (McInnes et al., 2018) in one thread with a fixed seed, so that it is reproducible."""

    def __init__(self, sample: Vectors, seed: int) -> None:
        """Fit the projection to a sample of at least `MIN_UMAP_ROWS` vectors."""
        self._umap: Any = _umap()(
            n_neighbors=_NEIGHBOURS,
            min_dist=_MIN_DISTANCE,
            # Vectors have length 1, so this gives the same order as cosines do; and it is defined
            # for vectors of length 0, too.
            metric="euclidean",
            # A spectral start fails or warns when the graph of neighbours isn't connected.
            init="pca",
            random_state=seed,
            transform_seed=seed,
            n_jobs=1,
        )
        self.sample_coordinates: Coordinates = self._umap.fit_transform(sample)

    def project(self, vectors: Vectors) -> Coordinates:
        """Return the coordinates of vectors that aren't in the sample."""
        coordinates: Coordinates = self._umap.transform(vectors)
        return coordinates


@cache
def _umap() -> Any:
    """Return UMAP's class, whose compiled functions are kept on disk for later processes.

    Compiling takes a quarter of a minute. numba keeps the compiled functions beside their source,
    or in the user's cache folder, until the source changes.
    """
    with catch_warnings():
        # umap warns that its variant on TensorFlow isn't installed.
        simplefilter("ignore", ImportWarning)
        from umap import UMAP, distances, layouts, umap_, utils  # noqa: PLC0415  # takes seconds
    from numba.extending import is_jitted  # noqa: PLC0415  # imported by umap

    for module in (distances, layouts, umap_, utils):
        for function in vars(module).values():
            if is_jitted(function):
                function.enable_caching()
    return UMAP


class Pca:
    """Principal component analysis: the two directions in which the vectors differ most."""

    def __init__(self, sample: Vectors) -> None:
        """Fit the projection to a sample of at least one vector."""
        self._mean = sample.mean(axis=0)
        _, _, directions = np.linalg.svd(sample - self._mean, full_matrices=False)
        # The sign of a direction is arbitrary: its largest component is made positive.
        largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=1)[:, None], axis=1)
        self._axes = (directions * np.sign(largest))[:2]
        self.sample_coordinates = self.project(sample)

    def project(self, vectors: Vectors) -> Coordinates:
        """Return the coordinates of vectors."""
        coordinates = np.zeros((len(vectors), 2), np.float32)
        found = (vectors - self._mean) @ self._axes.T
        coordinates[:, : found.shape[1]] = found
        return coordinates


def fit_projection(sample: Vectors, seed: int) -> Projection:
    """Fit a projection to a sample of vectors: UMAP, or PCA where UMAP can't work."""
    rows, dimensions = sample.shape
    suits_umap = rows >= MIN_UMAP_ROWS and dimensions >= _MIN_UMAP_DIMENSIONS
    return Umap(sample, seed) if suits_umap else Pca(sample)
