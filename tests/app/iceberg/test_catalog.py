from pathlib import Path
from typing import NoReturn

from app.iceberg.catalog import PublishedCatalog
from app.services import Services
from catalog.connection import CATALOG_NAME
from catalog.metadata.files import newest_location
from catalog.schema import NAMESPACE, TABLE_NAME
from tests.factories import commit_batch, make_received


def test_the_metadata_of_a_commit_is_read_once(services: Services) -> None:
    commit_batch(services, make_received())
    loaded = services.reading.published.load_table(NAMESPACE, TABLE_NAME, "all")
    Path(newest_location(services.catalog).removeprefix("file://")).unlink()
    assert services.reading.published.load_table(NAMESPACE, TABLE_NAME, "all") is loaded


def test_every_commit_makes_another_answer(services: Services) -> None:
    digests = set()
    for _ in range(3):
        commit_batch(services, make_received())
        digests.add(services.reading.published.load_table(NAMESPACE, TABLE_NAME, "all").digest)
    assert len(digests) == 3


def test_constant_answers_open_no_catalog(services: Services) -> None:
    def fail() -> NoReturn:
        raise AssertionError

    published = PublishedCatalog(fail, services.reading.publications, {})
    published.config(CATALOG_NAME)
    published.namespaces(None)
    published.tables(NAMESPACE)
    published.check_table(NAMESPACE, TABLE_NAME)
