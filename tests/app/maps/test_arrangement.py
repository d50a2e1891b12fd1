from collections.abc import Sequence

import numpy as np
import pytest

from app.maps.arrangement import Arrangement
from app.maps.points.embed import Vectors
from app.maps.points.neighbours import NeighbourIndex

SAMPLE: Vectors = np.array([[0, 0], [0, 1], [4, 0], [4, 1], [5, 0]], np.float32)
PLACES = SAMPLE * 10
LABELS = np.array([[0, 0, 0], [0, 0, 0], [0, 1, 1], [0, 1, 1], [0, 1, 1]])


class Numbers:
    """Texts are two numbers, which are their vector."""

    package = "none"

    def fit(self, sample: Sequence[str], seed: int) -> None:
        """Nothing is fitted."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return the numbers."""
        return np.array([text.split() for text in texts], np.float32)


def arrangement(sample: Sequence[int]) -> Arrangement:
    """Return an arrangement by a sample that has these rows of all texts."""
    return Arrangement(Numbers(), NeighbourIndex(SAMPLE), np.array(sample), PLACES, LABELS, [])


@pytest.mark.slow
def test_a_text_of_the_sample_is_where_it_was_put() -> None:
    arranged = arrangement([0, 2, 3, 5, 6])
    places, labels = arranged.place(["0 0", "4 0", "0 1"])
    assert places[[0, 2]].tolist() == PLACES[:2].tolist()
    assert labels[[0, 2]].tolist() == LABELS[:2].tolist()
    places, labels = arranged.place(["4 0", "4 0", "4 1", "5 0"])
    assert places[[0, 2, 3]].tolist() == PLACES[2:].tolist()


def test_another_text_is_placed_amid_the_nearest_of_one_cluster() -> None:
    """All five of the sample are its neighbours; those of the other cluster don't draw it away."""
    places, labels = arrangement([7, 8, 9, 10, 11]).place(["0.2 0.5", "4.2 0.5"])
    assert labels.tolist() == [[0, 0, 0], [0, 1, 1]]
    assert np.allclose(places[0], (0, 5), atol=1e-4)
    assert 40 < places[1][0] < 50
    assert 0 < places[1][1] < 10


def test_a_copy_of_a_text_of_the_sample_is_placed_upon_it() -> None:
    places, _ = arrangement([7, 8, 9, 10, 11]).place(["4 1"])
    assert np.allclose(places[0], (40, 10), atol=0.1)
