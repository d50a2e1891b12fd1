"""What the service keeps of the networks that contributors send from, through every door."""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from sqlalchemy import create_engine, text

from tests.factories import make_submission
from tests.functional.server import REQUEST_TIMEOUT_S, Server

ADDRESS, OTHER = "198.51.100.7", "203.0.113.9"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server behind a proxy that tells it addresses."""
    home = tmp_path_factory.mktemp("networks") / "home"
    with Server(home, workers=1, trusted_proxies=1) as made:
        yield made


def submit(server: Server, address: str, name: str, **headers: str) -> str:
    """Submit a conversation from an address, and return its contributor_id."""
    sent = {"X-Forwarded-For": address, **headers}
    submission = make_submission(submitter_id=f"{name} of the functional tests 0123456789")
    answer = requests.post(
        f"{server.url}/v1/ingest/chat", json=submission, headers=sent, timeout=REQUEST_TIMEOUT_S
    )
    assert answer.status_code == 200, answer.text
    return name


def upload(server: Server, address: str, *names: str | None) -> None:
    """Upload a line of each contributor from an address."""
    lines = [
        make_submission(
            **({"submitter_id": f"{name} of the functional tests 0123456789"} if name else {})
        )
        for name in names
    ]
    body = "\n".join(json.dumps(line) for line in lines)
    answer = requests.post(
        f"{server.url}/v1/ingest/chats",
        data=body.encode(),
        headers={"X-Forwarded-For": address, "Content-Type": "application/x-ndjson"},
        timeout=REQUEST_TIMEOUT_S,
    )
    assert answer.status_code == 200, answer.text


def networks(server: Server) -> list[set[str]]:
    """Return the contributors of each network, as the database has them."""
    found: defaultdict[tuple[Any, str], set[str]] = defaultdict(set)
    engine = create_engine(f"sqlite:///{server.home}/chatlake.db")
    with engine.connect() as connection:
        query = text("SELECT day, network, contributor_id FROM contributor_networks")
        for day, network, contributor_id in connection.execute(query):
            found[day, network].add(contributor_id)
    engine.dispose()
    return sorted(found.values(), key=len)


def test_every_door_notes_the_network_but_of_anonymous_rows_and_with_an_api_key(
    server: Server,
) -> None:
    key = server.run_lake("key", "create", "importer", "--role", "ingest").strip()
    submit(server, ADDRESS, "plain")
    submit(server, ADDRESS, "waiting", Prefer="wait=30")
    upload(server, ADDRESS, "uploaded", "uploaded too", None)
    submit(server, OTHER, "elsewhere")
    submit(server, ADDRESS, "imported", Authorization=f"Bearer {key}")
    one, many = networks(server)
    assert (len(one), len(many)) == (1, 4)
    # What is read by everybody tells nothing of it.
    page = requests.get(f"{server.url}/v1/contributions", timeout=REQUEST_TIMEOUT_S)
    assert "network" not in page.text
    assert ADDRESS not in page.text
