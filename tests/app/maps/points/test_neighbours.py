import numpy as np
from threadpoolctl import threadpool_limits

from app.maps.points.embed import Vectors
from app.maps.points.neighbours import NeighbourIndex

SAMPLE: Vectors = np.array([[1, 0], [0, 1], [0.8, 0.6], [0, 0]], np.float32)


def test_the_nearest_come_first_with_their_distances() -> None:
    found = NeighbourIndex(SAMPLE).nearest(np.array([[1, 0], [0, 0.9]], np.float32), 2)
    assert found.rows.tolist() == [[0, 2], [1, 2]]
    assert np.allclose(found.distances, [[0, 0.4**0.5], [0.1, 0.73**0.5]])


def test_a_small_sample_is_found_whole() -> None:
    found = NeighbourIndex(SAMPLE).nearest(SAMPLE[:1], 15)
    assert sorted(found.rows[0].tolist()) == [0, 1, 2, 3]


def test_equally_near_ones_do_not_depend_on_the_number_of_threads() -> None:
    """Each vector is in the sample twice."""
    random = np.random.default_rng(1)
    distinct = random.normal(size=(2000, 8)).astype(np.float32)
    index = NeighbourIndex(random.permutation(np.tile(distinct, (2, 1))))
    found = []
    for threads in (1, 2, 3):
        with threadpool_limits(threads):
            found.append(index.nearest(distinct[:50], 15).rows.tolist())
    assert found[0] == found[1] == found[2]
