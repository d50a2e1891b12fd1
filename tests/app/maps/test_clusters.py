import numpy as np
import pytest

from app.maps.clusters import UNCLUSTERED, describe_clusters, find_clusters, nearest_cluster
from app.maps.projection import Coordinates
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


def test_each_cloud_is_a_cluster(clouds: Coordinates) -> None:
    labels = find_clusters(clouds).reshape(3, 30)
    common = [np.bincount(row + 1).argmax() - 1 for row in labels]
    assert sorted(common) == [0, 1, 2]
    assert all((row == most).mean() > 0.7 for row, most in zip(labels, common, strict=True))


def test_a_few_points_are_no_cluster() -> None:
    assert set(find_clusters(np.zeros((10, 2), np.float32))) == {UNCLUSTERED}


def test_points_at_one_place_can_be_clustered() -> None:
    assert len(find_clusters(np.zeros((100, 2), np.float32))) == 100


def test_a_point_outside_of_the_sample_is_in_the_cluster_of_the_nearest_point(
    clouds: Coordinates,
) -> None:
    labels = np.repeat([0, 1, UNCLUSTERED], 30)
    found = nearest_cluster(clouds, labels, np.array(CENTRES, np.float32))
    assert found.tolist() == [0, 1, UNCLUSTERED]


def test_a_cluster_is_named_by_words_that_other_clusters_lack(clouds: Coordinates) -> None:
    texts = [f"please answer the question {TOPICS[number // 30]}" for number in range(90)]
    found = describe_clusters(clouds, np.repeat([0, 1, 2], 30), texts)
    for cluster, topic, (x, y) in zip(found, TOPICS, CENTRES, strict=True):
        assert set(cluster.name.split(", ")) <= set(topic.split()), cluster.name
        assert (cluster.x, cluster.y) == pytest.approx((x, y), abs=0.5)
        assert cluster.rows == 30


def test_clusters_with_equal_or_no_words_have_different_names(clouds: Coordinates) -> None:
    labels = np.repeat([0, 1, 2], 30)
    alike = [each.name for each in describe_clusters(clouds, labels, ["bread butter oven"] * 90)]
    wordless = [each.name for each in describe_clusters(clouds, labels, ["42 !"] * 90)]
    assert len(set(alike)) == len(set(wordless)) == 3
    assert all(alike) and all(wordless)
