import json
import re
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import make_url

from app.api.errors import EnvelopeSchema
from app.settings import Settings
from tests.deploy.files import REPOSITORY, image_environment, services

VARIABLE = re.compile(r"\$\{(\w+)(:?[-?+])?([^}]*)\}")
SECRET = re.compile("PASSWORD|SECRET|KEY")
SIZE = re.compile("size=([0-9]+[mg])")
PINNED = re.compile(r":\d+\.\d+[^@]*@sha256:[0-9a-f]{64}$")
DEFAULT_SHM_SIZE = "64m"
WORKER_BYTES = 512 * 1024**2
"""Greatest memory of a worker, by docs/performance.md."""
BUILD_BYTES = 1_414 * 1024**2
"""Greatest memory of building a curated release of 200,000 conversations."""


def _variables() -> list[tuple[str, str, str]]:
    """Return name, operator and operand of everything that compose.yaml interpolates."""
    return VARIABLE.findall((REPOSITORY / "compose.yaml").read_text())


def _example() -> dict[str, str]:
    lines = (REPOSITORY / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_compose_starts_with_no_secret_that_was_not_set() -> None:
    secrets = [(name, operator) for name, operator, _ in _variables() if SECRET.search(name)]
    assert secrets
    assert {operator for _, operator in secrets} == {":?"}


def test_example_names_every_variable_and_holds_no_secret() -> None:
    example = _example()
    assert example.keys() == {name for name, _, _ in _variables()}
    assert {value for name, value in example.items() if SECRET.search(name)} == {""}


def test_no_secret_is_written_out() -> None:
    """Every value under a secret's name is one interpolation and nothing else."""
    environments = [service.get("environment", {}) for service in services().values()]
    secrets = [v for each in environments for name, v in each.items() if SECRET.search(name)]
    assert secrets
    assert [value for value in secrets if not VARIABLE.fullmatch(value)] == []


@pytest.mark.parametrize("name", services())
def test_service_can_gain_no_rights(name: str) -> None:
    service = services()[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")


@pytest.mark.parametrize("name", services())
def test_service_can_change_only_its_volumes_and_memory_that_is_bounded(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert [mount for mount in service["tmpfs"] if not SIZE.search(mount)] == []
    assert _bytes_in_memory(name) < _bytes(service["mem_limit"])


@pytest.mark.parametrize("name", services())
def test_service_can_take_neither_the_processor_nor_the_processes_of_the_others(name: str) -> None:
    service = services()[name]
    assert 0 < service["cpus"] <= 2
    assert 0 < service["pids_limit"] <= 1024


def test_the_memory_limit_covers_the_most_that_settings_allow() -> None:
    settings = _settings()
    workers = settings.workers * WORKER_BYTES
    queries = settings.sql_pool_size * settings.sql_memory_mib * 1024**2
    files = _bytes_in_memory("chatlake")
    limit = _bytes(services()["chatlake"]["mem_limit"])
    assert workers + queries + BUILD_BYTES + files < limit


@pytest.mark.parametrize("name", [n for n, s in services().items() if "image" in s])
def test_image_is_pinned_to_a_release_and_to_its_bytes(name: str) -> None:
    assert PINNED.search(services()[name]["image"])


def test_only_nginx_faces_the_network() -> None:
    assert [n for n, s in services().items() if "ports" in s] == ["nginx"]


def test_only_loopback_is_published_by_default() -> None:
    (port,) = services()["nginx"]["ports"]
    default = VARIABLE.sub(r"\3", port)
    assert default.startswith("127.0.0.1:")
    assert _example()["NGINX_PUBLISH"] in default


def _settings() -> Settings:
    """Read the settings that the service gets, as it reads them itself."""
    environment: dict[str, Any] = services()["chatlake"]["environment"]
    given = {name: VARIABLE.sub("x", value) for name, value in environment.items()}
    return Settings.from_environment(image_environment() | given)


def _bytes(size: str) -> int:
    """Return a size as Compose writes it, in bytes."""
    return int(size[:-1]) * {"m": 1024**2, "g": 1024**3}[size[-1]]


def _bytes_in_memory(name: str) -> int:
    """Return the greatest size of those files of a service that count as its memory."""
    service = services()[name]
    sizes = SIZE.findall(" ".join(service["tmpfs"]))
    return sum(map(_bytes, [*sizes, service.get("shm_size", DEFAULT_SHM_SIZE)]))


def test_metrics_are_answered_inside_and_not_passed_on() -> None:
    assert _settings().answers_metrics
    assert not Settings.from_environment(image_environment()).answers_metrics
    nginx = (REPOSITORY / "deploy" / "nginx.conf").read_text()
    (refused,) = re.findall(r"location = /metrics \{([^}]*)", nginx)
    assert "return 404" in refused
    assert "proxy_pass" not in refused


def test_compose_passes_settings_that_exist_and_places_that_it_starts() -> None:
    settings = _settings()
    database = make_url(settings.database_url)
    assert database.drivername == "postgresql+psycopg"
    assert settings.catalog_uri == settings.database_url
    assert {database.host, urlsplit(settings.s3_endpoint).hostname} <= services().keys()


def test_requests_and_then_the_committer_are_given_time_to_finish() -> None:
    grace = services()["chatlake"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) > 2 * _settings().shutdown_timeout_s


def _nginx(directive: str) -> list[str]:
    text = (REPOSITORY / "deploy" / "nginx.conf").read_text()
    return re.findall(rf"^\s*{directive}\s+(.+);", text, flags=re.MULTILINE)


def test_nginx_accepts_the_services_largest_body_and_longest_wait() -> None:
    settings = _settings()
    largest = max(int(size.removesuffix("m")) for size in _nginx("client_max_body_size"))
    assert largest * 1024 * 1024 == settings.max_body_bytes
    waits = max(int(time.removesuffix("s")) for time in _nginx("proxy_read_timeout"))
    assert waits > settings.max_wait_s


def test_nginx_reaches_the_service_where_it_listens() -> None:
    (server,) = _nginx("server")
    name, port = server.split(":")
    assert name in services()
    assert int(port) == _settings().port


def test_nginx_refuses_in_the_envelope_of_the_service() -> None:
    refusals = [answer.split(maxsplit=1) for answer in _nginx("return")]
    assert {code for code, _ in refusals} == {"404", "413", "429", "503"}
    for code, body in refusals:
        envelope = EnvelopeSchema().load(json.loads(body.strip("'")))
        status = HTTPStatus(int(code))
        assert (envelope["code"], envelope["status"]) == (status, status.phrase)
