"""Where releases are published on the Hub, in the relational database.

A publication is recorded before the first byte is sent, so that whatever a killed process has left
on the Hub is known here, and a takedown finds it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast

from sqlalchemy import ColumnElement, RowMapping, and_, delete, or_, select, update

from app.state.db import Database, insert_missing
from app.state.models import HubPublicationRecord

Access = Literal["private", "gated", "public"]
"""Who may read a repository: its organisation, those whose request was granted, or everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubPublication:
    """A release in a repository of the Hub.

    Attributes:
        repository: Name of the repository, with that of its owner before a slash.
        release: Name of the release.
        hub_url: URL of the server that has the repository.
        access: Who may read the repository.
        revision: Revision of the release that the repository holds; None until a first one is
            there completely.
        commit_id: Id of the commit that holds it; None as for `revision`.
        published_at: When that was complete, in UTC; None as for `revision`.
        required_revision: Earlier revisions hold what was taken down and have to go; None while
            nothing was taken down since the release was first published there.
        remains: Refs and commits by which the Hub still gives out parts of an earlier revision.
    """

    repository: str
    release: str
    hub_url: str
    access: Access
    revision: int | None = None
    commit_id: str | None = None
    published_at: datetime | None = None
    required_revision: int | None = None
    remains: Sequence[str] = ()

    @property
    def url(self) -> str:
        """The address of the repository."""
        return f"{self.hub_url}/datasets/{self.repository}"

    @property
    def is_outdated(self) -> bool:
        """Whether the repository holds, or may hold, what was taken down."""
        required = self.required_revision
        return required is not None and (self.revision is None or self.revision < required)

    @property
    def is_for_readers(self) -> bool:
        """Whether readers of the release are told of the repository, which they can load from."""
        return self.access != "private" and self.revision is not None and not self.is_outdated


class HubPublications:
    """The publications of a lake."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._now = clock

    def all(self) -> list[HubPublication]:
        """Return all publications, by release and repository."""
        return self._select()

    def find(self, repository: str) -> HubPublication | None:
        """Return what is published in a repository; None if nothing is."""
        found = self._select(HubPublicationRecord.repository == repository)
        return found[0] if found else None

    def of_release(self, release: str) -> list[HubPublication]:
        """Return the publications of a release."""
        return self._select(HubPublicationRecord.release_name == release)

    def for_readers(self, release: str) -> list[HubPublication]:
        """Return the publications of a release that its readers are told of."""
        return [each for each in self.of_release(release) if each.is_for_readers]

    def outdated(self) -> list[HubPublication]:
        """Return the publications that hold, or may hold, what was taken down."""
        required, revision = HubPublicationRecord.required_revision, HubPublicationRecord.revision
        return self._select(
            and_(required.is_not(None), or_(revision.is_(None), revision < required))
        )

    def begin(self, publication: HubPublication) -> None:
        """Record that something is going to be sent to a repository, unless it is recorded.

        Args:
            publication: What is to be published; its revision isn't recorded yet.
        """
        values = {
            "repository": publication.repository,
            "release_name": publication.release,
            "hub_url": publication.hub_url,
            "access": publication.access,
            "remains": [],
        }
        with self._database.write() as connection:
            connection.execute(insert_missing(connection, HubPublicationRecord), values)

    def complete(self, publication: HubPublication) -> None:
        """Record what a repository holds completely, as of now."""
        values: dict[str, Any] = {
            "revision": publication.revision,
            "commit_id": publication.commit_id,
            "access": publication.access,
            "remains": list(publication.remains),
            "published_at": self._now(),
        }
        with self._database.write() as connection:
            connection.execute(
                update(HubPublicationRecord)
                .where(HubPublicationRecord.repository == publication.repository)
                .values(**values)
            )

    def require(self, release: str, revision: int) -> None:
        """Record that earlier revisions of a release hold what was taken down."""
        with self._database.write() as connection:
            connection.execute(
                update(HubPublicationRecord)
                .where(HubPublicationRecord.release_name == release)
                .values(required_revision=revision)
            )

    def remove(self, repository: str) -> None:
        """Record that a repository is gone."""
        with self._database.write() as connection:
            connection.execute(
                delete(HubPublicationRecord).where(HubPublicationRecord.repository == repository)
            )

    def _select(self, *conditions: ColumnElement[bool]) -> list[HubPublication]:
        query = (
            select(HubPublicationRecord.__table__)
            .where(*conditions)
            .order_by(HubPublicationRecord.release_name, HubPublicationRecord.repository)
        )
        with self._database.read() as connection:
            return [_publication(row) for row in connection.execute(query).mappings()]


def _publication(row: RowMapping) -> HubPublication:
    return HubPublication(
        repository=row["repository"],
        release=row["release_name"],
        hub_url=row["hub_url"],
        access=cast("Access", row["access"]),
        revision=row["revision"],
        commit_id=row["commit_id"],
        published_at=row["published_at"],
        required_revision=row["required_revision"],
        remains=tuple(row["remains"]),
    )
