import numpy as np
import pytest

from app.maps.embed import Vectors
from app.maps.project import MIN_UMAP_ROWS, Umap, fit_projection, spread


def vectors(rows: int) -> Vectors:
    """Return vectors of length 1 around two opposite directions, in turn."""
    random = np.random.default_rng(1)
    made = random.normal(0, 0.1, (rows, 8)) + np.where(np.arange(rows) % 2, 1, -1)[:, None]
    directions: Vectors = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
    return directions


@pytest.mark.parametrize("rows", [1, 2, 3, 10, MIN_UMAP_ROWS - 1])
def test_few_vectors_have_places_too(rows: int) -> None:
    projection = fit_projection(vectors(rows), seed=1)
    assert projection.sample_places.shape == (rows, 2)
    assert np.isfinite(projection.sample_places).all()
    if rows > 2:
        x = projection.sample_places[:, 0]
        assert len({*np.sign(x[::2])}) == 1, "the two directions are told apart"
        assert np.sign(x[0]) != np.sign(x[1])


def test_umap_repeats_itself_and_places_others_among_their_like() -> None:
    """One test, since the first use of UMAP is compiled for many seconds."""
    sample, others = vectors(60)[:40], vectors(60)[40:]
    first, second = Umap(sample, seed=1), Umap(sample, seed=1)
    assert first.sample_places.tobytes() == second.sample_places.tobytes()
    placed = first.place(others)
    assert placed.tobytes() == second.place(others).tobytes()
    centres = np.array([first.sample_places[start::2].mean(axis=0) for start in (0, 1)])
    distances = np.linalg.norm(placed[:, None] - centres, axis=2)
    assert distances.argmin(axis=1).tolist() == [0, 1] * 10


def test_vectors_of_one_number_are_placed_in_a_row() -> None:
    """As those of texts that have one and the same word."""
    numbers = np.linspace(0, 1, MIN_UMAP_ROWS, dtype=np.float32)[:, None]
    x, y = fit_projection(numbers, seed=1).sample_places.T
    assert (np.diff(x) > 0).all()
    assert not y.any()


def test_vectors_that_are_all_alike_are_placed() -> None:
    alike = np.tile(vectors(1), (MIN_UMAP_ROWS + 4, 1))
    assert np.isfinite(fit_projection(alike, seed=1).sample_places).all()


def test_a_sample_is_evenly_spread() -> None:
    assert spread(3, 5).tolist() == [0, 1, 2]
    assert spread(10, 5).tolist() == [0, 2, 4, 6, 8]
    chosen = spread(1_000_003, 1000)
    assert len(set(chosen.tolist())) == 1000
    assert set(np.diff(chosen)) <= {1000, 1001}
