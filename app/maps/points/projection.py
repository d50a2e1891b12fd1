"""Projecting vectors to a plane, so that near vectors become near points."""

from functools import cache
from typing import Any, Final
from warnings import catch_warnings, filterwarnings, simplefilter

import numpy as np
from numpy.typing import NDArray

from app.maps.points.embed import Vectors
from app.maps.points.neighbours import NearestVectors

Coordinates = NDArray[np.float32]
"""Points in the plane: a row of x and y for each."""

PROJECTION_NEIGHBOURS: Final = 15
"""Number of neighbours of a vector that its place follows from, itself among them."""
MIN_UMAP_ROWS: Final = PROJECTION_NEIGHBOURS + 1
"""UMAP needs as many other vectors; fewer are projected by PCA."""
_MIN_UMAP_DIMENSIONS: Final = 2
"""UMAP starts from two dimensions; vectors of a single one are projected by PCA."""
_MIN_DISTANCE: Final = 0.1


def project(vectors: Vectors, neighbours: NearestVectors, seed: int) -> Coordinates:
    """Return the coordinates of vectors: by UMAP, or by PCA where UMAP can't work.

    Args:
        vectors: At least one vector.
        neighbours: `PROJECTION_NEIGHBOURS` neighbours of each among the vectors; fewer if there
            are fewer vectors.
        seed: Seed of the random numbers.
    """
    rows, dimensions = vectors.shape
    if rows < MIN_UMAP_ROWS or dimensions < _MIN_UMAP_DIMENSIONS:
        return _project_by_pca(vectors)
    return _project_by_umap(vectors, neighbours, seed)


def _project_by_umap(vectors: Vectors, neighbours: NearestVectors, seed: int) -> Coordinates:
    """Project by UMAP, in one thread with a fixed seed, so that it is reproducible.

    Source: McInnes, Healy and Melville, UMAP (2018).
    """
    umap = _umap()(
        n_neighbors=PROJECTION_NEIGHBOURS,
        min_dist=_MIN_DISTANCE,
        # Vectors have length 1, so this gives the same order as cosines do; and it is defined for
        # vectors of length 0, too.
        metric="euclidean",
        precomputed_knn=(neighbours.rows, neighbours.distances),
        # A spectral start fails or warns when the graph of neighbours isn't connected.
        init="pca",
        random_state=seed,
        n_jobs=1,
    )
    with catch_warnings():
        # Without an index of its own, UMAP can't place other vectors; it isn't asked to.
        filterwarnings("ignore", "precomputed_knn")
        coordinates: Coordinates = umap.fit_transform(vectors)
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


def _project_by_pca(vectors: Vectors) -> Coordinates:
    """Project to the two directions in which the vectors differ most."""
    centred = vectors - vectors.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    # The sign of a direction is arbitrary: its largest component is made positive.
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=1)[:, None], axis=1)
    found = centred @ (directions * np.sign(largest))[:2].T
    coordinates = np.zeros((len(vectors), 2), np.float32)
    coordinates[:, : found.shape[1]] = found
    return coordinates
