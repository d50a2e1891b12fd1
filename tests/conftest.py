"""Fixtures for every test: a migrated lake in a temporary folder, and the application."""

# ruff: noqa: E402  # nothing that is imported is garbage, but looking for it takes half a second

import atexit
import gc
import os

gc.disable()
# DuckDB reports every object as leaked that isn't collected before the process ends.
atexit.register(gc.unfreeze)
# Libraries of the Hub read it at their import. Tests that publish have a server of their own.
os.environ["HF_HUB_OFFLINE"] = "1"

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner
from hypothesis import settings as hypothesis_settings

from app.api.needs import NEEDS
from app.services import Services, services_of
from app.settings import Settings
from app.takedown import journal
from tests.backends import CLUSTERED, EMBEDDED, Backend
from tests.lakes import LakeTemplate, empty_lake, opened_app
from tests.servers.cluster import Cluster
from tests.servers.cluster import cluster as own_cluster

# The same examples in every run, and no deadline that a busy machine could miss. The quick tier,
# which `scripts/test --quick` runs, has fewer examples where a test doesn't say how many it needs.
hypothesis_settings.register_profile("whole", derandomize=True, deadline=None)
hypothesis_settings.register_profile(
    "quick", hypothesis_settings.get_profile("whole"), max_examples=20
)
hypothesis_settings.load_profile("whole")


SERVERS = ("tests/functional/", "tests/faults/")
"""Folders of tests that start the service as its users do."""

_LONG = ("slow", "cluster", "browser")
"""Markers of tests that may take long."""

_SERVERS_SHARE = 0.75
"""The part of the run within which all tests of servers begin, so that none is last."""

_GC_THRESHOLDS = (10_000, 20, 50)
"""Those of the service's workers, in gunicorn.conf.py."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let pages be looked at in all forms: see tests/app/site/test_pages.py."""
    parser.addoption(
        "--every-form", action="store_true", help="open pages of the site in all forms"
    )


@pytest.fixture(scope="session", autouse=True)
def _alone() -> None:
    """Erase at once in the process of the tests: no other one has old lists of what is refused."""
    vars(journal)["MAX_AGE_S"] = 0.0


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Spare garbage collections what stays until the end: the modules and the collected tests."""
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(*_GC_THRESHOLDS)
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that need a server or a cluster, which `scripts/test --quick` leaves out."""
    for item in items:
        if item.nodeid.startswith(SERVERS):
            item.add_marker("server")
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        if parameters.get("backend") == CLUSTERED or "cluster" in getattr(item, "fixturenames", ()):
            item.add_marker("cluster")
    _spread(items)


def _spread(items: list[pytest.Item]) -> None:
    """Spread the modules that start servers, which mostly wait, over those that compute.

    Modules of quick tests alone come last, so that no process ends long after the others.
    """
    modules = dict.fromkeys(map(_module, items))
    slow = {_module(item) for item in items if any(map(item.get_closest_marker, _LONG))}
    servers = [module for module in modules if module.startswith(SERVERS)]
    others = [module for module in modules if not module.startswith(SERVERS)]
    others.sort(key=lambda module: module not in slow)
    places = {module: place / len(others) for place, module in enumerate(others)}
    for place, module in enumerate(servers):
        places[module] = _SERVERS_SHARE * place / len(servers)
    items.sort(key=lambda item: places[_module(item)])


def _module(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests that are marked `both` on both backends."""
    if "backend" in metafunc.fixturenames and metafunc.definition.get_closest_marker("both"):
        backends = [EMBEDDED, CLUSTERED]
        metafunc.parametrize("backend", backends, indirect=True, scope="session")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """PostgreSQL and S3, started for the first test that needs them, and shared."""
    with own_cluster() as made:
        yield made


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest) -> Backend:
    """The backend of the test's lake."""
    if getattr(request, "param", EMBEDDED) == EMBEDDED:
        return Backend(EMBEDDED, lambda _like=None: {})
    cluster: Cluster = request.getfixturevalue("cluster")
    return Backend(CLUSTERED, cluster.places)


@pytest.fixture(scope="session")
def template_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Backend], LakeTemplate]:
    """Returns a migrated, empty lake on a backend, which is made once in a run.

    Fixtures that depend on the backend are made anew whenever a test has another one than the test
    before it, even if their scope is the session.
    """
    made: dict[str, LakeTemplate] = {}

    def template(backend: Backend) -> LakeTemplate:
        if backend.is_embedded:
            return empty_lake()
        if backend.name not in made:
            made[backend.name] = LakeTemplate(backend, tmp_path_factory.mktemp("template") / "home")
        return made[backend.name]

    return template


@pytest.fixture(scope="session")
def lake_template(template_of: Callable[[Backend], LakeTemplate], backend: Backend) -> LakeTemplate:
    """A migrated, empty lake on the backend, of which tests get copies."""
    return template_of(backend)


@pytest.fixture
def new_settings(tmp_path: Path, backend: Backend) -> Settings:
    """Settings of a lake that hasn't been migrated yet."""
    return backend.settings(tmp_path / "home")


@pytest.fixture
def settings(tmp_path: Path, lake_template: LakeTemplate) -> Settings:
    """Settings of a migrated, empty lake of the test's own."""
    return lake_template.copy(tmp_path / "home")


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """The application on a migrated, empty lake."""
    with opened_app(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared_settings(
    tmp_path_factory: pytest.TempPathFactory, lake_template: LakeTemplate
) -> Settings:
    """Settings of a lake that the tests of a module share.

    It is empty unless a fixture of the module fills it; tests themselves change nothing in it.
    """
    return lake_template.copy(tmp_path_factory.mktemp("shared") / "home")


@pytest.fixture(scope="module")
def shared_app(shared_settings: Settings) -> Iterator[Flask]:
    """The application on the lake that the tests of a module share."""
    with opened_app(shared_settings) as opened:
        yield opened


@pytest.fixture
def services(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Services]:
    """The application's services; `services.committer().drain()` commits what is pending.

    A test that asks for nothing else of the application has the services alone, since the routes
    take longer to register than the services to make.
    """
    if "app" in request.fixturenames:
        yield services_of(request.getfixturevalue("app"))
        return
    with closing(Services(settings)) as made:
        yield made


@pytest.fixture(scope="module")
def shared_services(shared_app: Flask) -> Services:
    """The services of the application that the tests of a module share."""
    return services_of(shared_app)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client that calls the application without a server."""
    return app.test_client()


@pytest.fixture
def shared_client(shared_app: Flask) -> FlaskClient:
    """A client of the application that the tests of a module share."""
    return shared_app.test_client()


@pytest.fixture
def open_route(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lists a path, whose view a test adds, as open to everybody."""
    return lambda path: monkeypatch.setitem(NEEDS, ("GET", path), None)


@pytest.fixture
def runner(app: Flask) -> FlaskCliRunner:
    """Runs the application's commands."""
    return app.test_cli_runner()
