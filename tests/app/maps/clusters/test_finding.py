import numpy as np
import pytest

from app.maps.clusters.finding import UNCLUSTERED, Labels, describe_clusters, find_clusters
from app.maps.clusters.levels import LEVELS
from app.maps.points.embed import Vectors
from app.maps.points.projection import Coordinates
from tests.app.maps.rows import TOPICS

CENTRES = ((0.0, 0.0), (10.0, 0.0), (0.0, 10.0))


@pytest.fixture
def clouds() -> Coordinates:
    """The coordinates of three clouds of 30 points each."""
    noise = np.random.default_rng(1).normal(0, 0.3, (3, 30, 2))
    coordinates: Coordinates = (
        (noise + np.array(CENTRES)[:, None]).reshape(-1, 2).astype(np.float32)
    )
    return coordinates


def levels(*labels: Labels) -> Labels:
    """Return clusters that are the same at each level."""
    return np.stack([np.concatenate(labels)] * len(LEVELS), axis=1)


@pytest.mark.slow
def test_each_cloud_is_a_cluster_and_no_point_is_in_none(clouds: Coordinates) -> None:
    broad = find_clusters(clouds, clouds)[:, 0].reshape(3, 30)
    assert [len(set(row)) for row in broad.tolist()] == [1, 1, 1]
    assert {*broad[:, 0].tolist()} == {0, 1, 2}


def test_a_cluster_lies_within_one_of_the_broader_level() -> None:
    vectors: Vectors = np.random.default_rng(1).normal(size=(600, 4)).astype(np.float32)
    labels = find_clusters(vectors, vectors[:, :2])
    assert (labels.max(axis=0) + 1).tolist() == [12, 30, 60]
    for broader, finer in zip(labels.T, labels.T[1:], strict=False):
        pairs = {*zip(finer.tolist(), broader.tolist(), strict=True)}
        assert len(pairs) == finer.max() + 1


def test_a_few_points_are_no_cluster() -> None:
    few = np.zeros((19, 2), np.float32)
    assert set(find_clusters(few, few).ravel().tolist()) == {UNCLUSTERED}


@pytest.mark.parametrize("place", [(0.0, 0.0), (3.7, -2.1)])
def test_points_at_one_place_can_be_clustered(place: tuple[float, float]) -> None:
    one = np.full((100, 2), place, np.float32)
    assert find_clusters(one, one).min() == 0


def test_points_in_a_line_can_be_clustered() -> None:
    line = np.stack([np.arange(90), np.zeros(90)], axis=1).astype(np.float32)
    broad = find_clusters(line, line)[:, 0]
    assert np.count_nonzero(np.diff(broad)) == 2, "each is a part of the line"


def test_clusters_are_described_by_name_place_and_size(clouds: Coordinates) -> None:
    texts = [f"please answer the question {TOPICS[number // 30]}" for number in range(90)]
    found = describe_clusters(clouds, levels(np.repeat([0, 1, 2], 30)), texts)
    assert len(found) == len(LEVELS)
    for cluster, topic, (x, y) in zip(found[0], TOPICS, CENTRES, strict=True):
        words = {word for term in cluster.name.split(", ") for word in term.split()}
        assert words <= set(topic.split()), cluster.name
        assert (cluster.x, cluster.y) == pytest.approx((x, y), abs=0.5)
        assert cluster.rows == 30


def test_a_map_without_clusters_has_none_at_any_level(clouds: Coordinates) -> None:
    assert describe_clusters(clouds, levels(np.full(90, UNCLUSTERED)), ["a"] * 90) == [[], [], []]
