from pathlib import Path

import pyarrow as pa
import pytest

from app.maps.build import build_map
from app.maps.description import POINTS_FILE, MapParameters
from app.maps.places import find_place
from app.maps.store import MapStore
from tests.app.maps.rows import SOURCE, about_topics


@pytest.mark.slow
def test_a_contribution_is_found_with_its_clusters_and_others_are_not(tmp_path: Path) -> None:
    store = MapStore(tmp_path)
    build_map(store, "topics", SOURCE, about_topics(90), MapParameters(embedding="tfidf"))
    points = store.file("topics", POINTS_FILE)
    place = find_place("topics", points, "id-00003")
    assert place
    assert place.map_name == "topics"
    assert place.clusters
    assert find_place("topics", points, "id-00090") is None


def test_a_map_without_clusters_has_places_without_names(tmp_path: Path) -> None:
    store = MapStore(tmp_path)
    rows: list[pa.RecordBatch] = list(about_topics(6))
    build_map(store, "few", SOURCE, rows, MapParameters(embedding="tfidf"))
    place = find_place("few", store.file("few", POINTS_FILE), "id-00001")
    assert place
    assert place.clusters == ()
