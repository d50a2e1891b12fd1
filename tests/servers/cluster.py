"""PostgreSQL and S3 together, as several nodes share them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import make_url

from app.settings import Settings
from tests.servers.postgres import PostgresServer, postgres_server
from tests.servers.s3 import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, S3Server, s3_server


@dataclass(frozen=True, slots=True)
class Cluster:
    """A database server and an S3 server."""

    postgres: PostgresServer
    s3: S3Server

    def places(self, like: Settings | None = None) -> dict[str, Any]:
        """Return the settings of a new lake, by their names in `app.settings`.

        Args:
            like: Settings of a lake whose database is copied; None for an empty database.
        """
        template = like and make_url(like.database_url).database
        made = (
            self.postgres.create_database(template) if template else self.postgres.create_database()
        )
        return self.places_in(made, self.s3.create_prefix())

    def places_in(
        self,
        database: str,
        warehouse: str,
        postgres_port: int | None = None,
        s3_port: int | None = None,
    ) -> dict[str, Any]:
        """Return the settings of a lake.

        Args:
            database: Name of its database.
            warehouse: URL of its folder in the bucket.
            postgres_port: Port of a proxy before PostgreSQL; None for PostgreSQL's own.
            s3_port: Port of a proxy before S3; None for the server's own.
        """
        url = self.postgres.url(database, postgres_port)
        return {
            "database_url": url,
            "catalog_uri": url,
            "warehouse": warehouse,
            "s3_endpoint": self.s3.url(s3_port),
            "s3_access_key_id": ACCESS_KEY_ID,
            "s3_secret_access_key": SECRET_ACCESS_KEY,
            "s3_region": REGION,
        }


@contextmanager
def cluster(*, is_durable: bool = False) -> Iterator[Cluster]:
    """Start servers, yield them, and stop them at the end of the block.

    Args:
        is_durable: Whether PostgreSQL syncs what it writes, as in production.
    """
    # Each takes seconds to start, so they start at the same time.
    with s3_server() as s3, postgres_server(is_durable=is_durable) as postgres:
        s3.wait_until_ready()
        yield Cluster(postgres, s3)
