"""The stages of a running server's lake: curated by command, and read by an engine over HTTP."""

import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.table import Table

from catalog.stages.tables import SOURCE_SNAPSHOT_PROPERTY
from tests.factories import make_submission
from tests.functional.conftest import MakeServer
from tests.functional.server import Server

TEXTS = {
    "tides": (
        "Why are there two tides a day?",
        "Because the moon pulls at both sides of the earth.",
    ),
    "sky": (
        "What makes the sky look blue?",
        "Short waves of light are scattered more than long ones.",
    ),
}


@pytest.fixture
def server(make_server: MakeServer) -> Server:
    """A server whose lake has a conversation."""
    started = make_server(workers=1)
    started.start()
    assert submit(started, "tides") == 200
    return started


def submit(server: Server, topic: str) -> int:
    return server.submit(make_submission(*TEXTS[topic]), wait_s=30).status_code


def curate(server: Server) -> str:
    result = server.run("app.cli.lake", "curate")
    assert result.stderr == ""
    return result.stdout


def curated(server: Server) -> Table:
    catalog = RestCatalog("lake", uri=f"{server.url}/iceberg")
    table: Table = catalog.load_table("chatlake.curated")
    return table


def questions(table: Table, snapshot_id: int | None = None) -> list[str]:
    rows = table.scan(snapshot_id=snapshot_id).to_arrow().to_pylist()
    return [row["conversation"][0]["content"] for row in rows]


def test_an_engine_travels_in_the_time_of_a_stage(server: Server) -> None:
    assert "cleaned: 1" in curate(server)
    first = curated(server).current_snapshot()
    assert first
    assert submit(server, "sky") == 200
    assert "curated" in curate(server)
    table = curated(server)
    assert sorted(questions(table)) == sorted(text for text, _ in TEXTS.values())
    assert questions(table, first.snapshot_id) == [TEXTS["tides"][0]]
    assert first.summary
    assert SOURCE_SNAPSHOT_PROPERTY in first.summary.additional_properties
