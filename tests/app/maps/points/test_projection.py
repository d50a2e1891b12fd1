import numpy as np
import pytest

from app.maps.points.embed import Vectors
from app.maps.points.neighbours import NeighbourIndex
from app.maps.points.projection import MIN_UMAP_ROWS, PROJECTION_NEIGHBOURS, Coordinates, project


def vectors(rows: int) -> Vectors:
    """Return vectors of length 1 that alternate between two opposite directions."""
    random = np.random.default_rng(1)
    made = random.normal(0, 0.1, (rows, 8)) + np.where(np.arange(rows) % 2, 1, -1)[:, None]
    directions: Vectors = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
    return directions


def projected(sample: Vectors) -> Coordinates:
    """Return the coordinates of vectors."""
    neighbours = NeighbourIndex(sample).nearest(sample, PROJECTION_NEIGHBOURS)
    return project(sample, neighbours, seed=1)


@pytest.mark.parametrize("rows", [1, 2, 3, 10, MIN_UMAP_ROWS - 1])
def test_few_vectors_have_coordinates_too(rows: int) -> None:
    coordinates = projected(vectors(rows))
    assert coordinates.shape == (rows, 2)
    assert np.isfinite(coordinates).all()
    if rows > 2:
        x = coordinates[:, 0]
        assert len({*np.sign(x[::2])}) == 1, "the two directions are told apart"
        assert np.sign(x[0]) != np.sign(x[1])


@pytest.mark.slow
def test_umap_is_reproducible_and_has_similar_vectors_near_each_other() -> None:
    """A single test, since UMAP takes many seconds to compile at its first use on a machine."""
    first, second = projected(vectors(40)), projected(vectors(40))
    assert first.tobytes() == second.tobytes()
    centres = np.array([first[start::2].mean(axis=0) for start in (0, 1)])
    distances = np.linalg.norm(first[:, None] - centres, axis=2)
    assert distances.argmin(axis=1).tolist() == [0, 1] * 20

    from umap import umap_  # noqa: PLC0415  # takes seconds

    cached = umap_.smooth_knn_dist.stats
    assert cached.cache_hits or cached.cache_misses, "every process compiles it"


def test_vectors_of_one_dimension_are_placed_in_a_row() -> None:
    """Texts that share a single word have such vectors."""
    column = np.linspace(0, 1, MIN_UMAP_ROWS, dtype=np.float32)[:, None]
    x, y = projected(column).T
    assert (np.diff(x) > 0).all()
    assert not y.any()


@pytest.mark.slow
def test_vectors_that_are_all_alike_are_placed() -> None:
    alike = np.tile(vectors(1), (MIN_UMAP_ROWS + 4, 1))
    assert np.isfinite(projected(alike)).all()
