"""Maps lose what is taken down, and keep the places of the other points."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flask.testing import FlaskClient

from app.access.errors import HeldBack, HiddenMeanwhile
from app.maps.clusters.levels import LEVELS
from app.maps.description import POINTS_FILE, MapParameters
from app.maps.errors import MapNotFound
from app.maps.files.folder import MAP_SCHEMA
from app.query.snapshots import Reference
from app.services import Services
from catalog.reading.membership import NO_IDS
from tests.app.maps.rows import TOPICS
from tests.app.takedown.recorded import record_takedown
from tests.factories import commit_batch, make_contribution, make_contribution_id

ROWS: Final = 90
TAKEN: Final = tuple(range(0, 45, 3))
PRIVATE: Final = "zanzibarquagga"
"""A word of the contributions that are taken down, and of the names of clusters."""
PARAMETERS: Final = MapParameters(embedding="tfidf")
CLUSTERS: Final = [level.column for level in LEVELS]


def id_of(number: int) -> str:
    """Return the id of a contribution."""
    return make_contribution_id(0, number)


def ids_of(*numbers: int) -> pa.Array:
    """Return ids of contributions, ascending."""
    return pa.array(map(id_of, numbers), NO_IDS.type).sort()


@pytest.fixture
def built(services: Services) -> Path:
    """The folder of a map about three topics, which a private word is in as well."""
    random = Random(1)  # noqa: S311  # the same words every time
    contributions = []
    for number in range(ROWS):
        words = random.choices(TOPICS[number % 3].split(), k=12)
        if number in TAKEN:
            words = [*words[:2], PRIVATE, *words]
        texts = " ".join(words), " ".join(words[::-1])
        contributions.append(make_contribution(*texts, contribution_id=id_of(number)))
    commit_batch(services, *contributions)
    build(services, "all")
    return services.settings.maps / "all"


def build(services: Services, name: str, progress: Any = lambda _: None) -> None:
    """Build a map of all contributions."""
    services.publishing.maps.build(name, "raw", Reference(), PARAMETERS, progress)


def points_of(folder: Path) -> dict[str, Mapping[str, Any]]:
    """Return the points of a map by their ids."""
    rows = pq.read_table(folder / POINTS_FILE).to_pylist()
    return {row["id"]: row for row in rows}


def contents(folder: Path) -> Iterator[str]:
    """Yield the content of every file below a folder, that of Parquet as text."""
    for path in folder.rglob("*"):
        if path.suffix == ".parquet":
            yield repr(pq.read_table(path).to_pylist())
        elif path.is_file():
            yield path.read_bytes().decode(errors="replace")


def holds(services: Services, *traces: str) -> bool:
    """Tell whether any file of maps has one of some texts in it."""
    return any(trace in content for content in contents(services.settings.maps) for trace in traces)


def record(services: Services, *numbers: int) -> pa.Array:
    """Record a takedown of contributions; return their ids, ascending."""
    return record_takedown(services, list(map(id_of, numbers)))


@pytest.mark.slow
def test_the_other_points_keep_their_places_and_clusters_get_names_without_the_words(
    services: Services, built: Path
) -> None:
    before = points_of(built)
    assert any(PRIVATE in row[column] for row in before.values() for column in CLUSTERS)
    services.publishing.maps.take_down(ids_of(*TAKEN))
    after = points_of(built)
    assert list(after) == [id_ for id_, row in before.items() if id_ not in map(id_of, TAKEN)]
    renamed: dict[tuple[str, str], str] = {}
    for id_, row in after.items():
        for column in MAP_SCHEMA.names:
            if column not in CLUSTERS:
                assert row[column] == before[id_][column]
                continue
            assert renamed.setdefault((column, before[id_][column]), row[column]) == row[column]
    assert len(set(renamed.values())) >= len({row["cluster"] for row in before.values()})
    assert not holds(services, PRIVATE, *map(id_of, TAKEN))
    made = services.publishing.maps.find("all")
    assert (made.rows, made.found_rows) == (ROWS - len(TAKEN), ROWS - len(TAKEN))
    assert services.publishing.maps.file("all", POINTS_FILE).is_file()


def test_a_map_without_what_is_taken_down_stays_as_it_is(services: Services, built: Path) -> None:
    before = [path.stat().st_mtime_ns for path in sorted(built.iterdir())]
    services.publishing.maps.take_down(ids_of(ROWS + 1))
    assert [path.stat().st_mtime_ns for path in sorted(built.iterdir())] == before


@pytest.mark.slow
def test_repeating_a_takedown_gives_the_same_files(
    services: Services, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    taken = ids_of(*TAKEN)
    with monkeypatch.context() as patched:
        patched.setattr("app.maps.files.folder.draw_picture", _raise(Killed))
        with pytest.raises(Killed):
            services.publishing.maps.take_down(taken)
    with monkeypatch.context() as patched:
        patched.setattr("app.access.visibility.held_back.HeldBackResults.end", _raise(Killed))
        with pytest.raises(Killed):
            services.publishing.maps.take_down(taken)
    once = {path.name: path.read_bytes() for path in built.iterdir()}
    with pytest.raises(HeldBack):
        services.publishing.maps.file("all", POINTS_FILE)
    services.publishing.maps.take_down(taken)
    assert {path.name: path.read_bytes() for path in built.iterdir()} == once
    assert services.publishing.maps.file("all", POINTS_FILE).is_file()


def _raise(error: type[BaseException]) -> Any:
    def fail(*_: object) -> None:
        raise error

    return fail


def test_a_map_without_any_point_left_is_removed(services: Services, built: Path) -> None:
    services.publishing.maps.take_down(ids_of(*range(ROWS)))
    assert not built.exists()
    with pytest.raises(MapNotFound):
        services.publishing.maps.find("all")


@pytest.mark.usefixtures("built")
def test_a_map_is_held_back_until_it_is_made_again(services: Services, client: FlaskClient) -> None:
    taken = record(services, 0)
    services.publishing.maps.hold_back(taken)
    for path in ("picture.png", "data/dataset.parquet", "data/metadata.json"):
        answer = client.get(f"/maps/all/{path}")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30"), path
    assert client.get("/maps/").status_code == 200
    services.publishing.maps.take_down(taken)
    answer = client.get("/maps/all/data/metadata.json", buffered=True)
    assert answer.status_code == 200
    assert answer.cache_control.no_cache


@pytest.mark.slow
@pytest.mark.usefixtures("built")
def test_what_is_taken_down_while_a_map_is_built_is_not_in_it(services: Services) -> None:
    with pytest.raises(HiddenMeanwhile):
        build(services, "late", lambda _: record(services, 0))
    with pytest.raises(MapNotFound):
        services.publishing.maps.find("late")
    build(services, "later")
    assert services.publishing.maps.find("later").rows == ROWS - 1


@pytest.mark.slow
@pytest.mark.usefixtures("built")
def test_what_moderators_hide_while_a_map_is_built_is_not_in_it(services: Services) -> None:
    def hide(_: object) -> None:
        with services.database.write() as connection:
            services.access.hidden.hide(connection, [id_of(0)], "quarantine")

    with pytest.raises(HiddenMeanwhile):
        build(services, "late", hide)
    with pytest.raises(MapNotFound):
        services.publishing.maps.find("late")


@pytest.mark.slow
@pytest.mark.usefixtures("built")
def test_what_moderators_hide_keeps_no_map_from_being_published_that_lacks_it(
    services: Services,
) -> None:
    def hide(_: object) -> None:
        with services.database.write() as connection:
            services.access.hidden.hide(connection, ["00000000-0000-7000-8000-000000000000"], "ban")

    build(services, "late", hide)
    assert services.publishing.maps.find("late").rows == ROWS


@pytest.mark.slow
def test_a_map_that_is_removed_meanwhile_keeps_no_takedown_from_holding_back(
    services: Services, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(services, "another")
    listed = services.publishing.maps.all()
    services.publishing.maps.remove("all")
    monkeypatch.setattr("app.maps.store.MapStore.all", lambda _: listed)
    services.publishing.maps.hold_back(ids_of(TAKEN[0]))
    assert not built.exists()
    with pytest.raises(HeldBack):
        services.publishing.maps.file("another", POINTS_FILE)
