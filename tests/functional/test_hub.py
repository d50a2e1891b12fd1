"""The service takes out of the Hub by itself what is taken down, and its log has no token."""

from contextlib import closing

from app.query.snapshots import Reference
from app.services import Services
from tests.app.releases.factories import make_recipe
from tests.factories import make_submission
from tests.functional.conftest import MakeServer
from tests.functional.server import eventually
from tests.servers.hub import TOKEN, HubServer
from tests.servers.hub_repository import Repository

TEXT = "nobody may ever read this sentence again"
WAIT_S = 10


def has_text(repository: Repository) -> bool:
    return any(TEXT.encode() in content for content in repository.contents())


def test_the_service_cleans_the_hub_after_a_takedown(make_server: MakeServer) -> None:
    with HubServer() as hub:
        server = make_server(workers=1, takedown_grace_s=1, hub_url=hub.url, hub_token=TOKEN)
        server.start()
        server.submit(make_submission("another sentence"))
        sent = server.submit(make_submission(TEXT), WAIT_S).json()["ingest_id"]
        with closing(Services(server.lake)) as services:
            snapshot = services.reading.snapshots.find(Reference())
            services.publishing.releases.build(make_recipe(formats=("jsonl",)), snapshot)
            services.publishing.hub_publisher().publish("first", "lake/first", "public")
            repository = hub.repositories["lake/first"]
            assert has_text(repository)
            services.takedown.service.request(
                "contribution", [sent], reason=None, requested_by="a test"
            )
        eventually("the Hub to be clean", lambda: list(repository.tags) == ["revision-2"])
        assert not has_text(repository)
        assert TOKEN not in server.log
