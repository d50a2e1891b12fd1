"""The relational tables, as `migrations/sql` makes them."""

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Date,
    DateTime,
    Dialect,
    Double,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    TypeDecorator,
    false,
    text,
    true,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC, also on SQLite, which doesn't store the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Convert to UTC before storing."""
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: Any | None, _dialect: Dialect) -> datetime | None:
        """Add the zone that SQLite doesn't store."""
        if isinstance(value, datetime):
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value
        return None


# SQLite generates row ids only for a primary key of the type INTEGER.
_RowId = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """Base class of the tables."""


class JournalEntry(Base):
    """A group of contributions that became durable in one transaction.

    An entry is in one of three states:

    - open, without payload and batch: it belongs to a running upload;
    - pending, with a payload and without a batch;
    - committed, with a batch and without a payload.

    The payload is the contributions themselves, or the paths of the staged files that hold them.
    An entry is awaited when a client waits until it can be read; it is committed soon then.
    Committed entries stay for the idempotency window, so that a repeated submission finds its
    snapshot.
    """

    __tablename__ = "journal"

    entry_id: Mapped[int] = mapped_column(_RowId, primary_key=True, autoincrement=True)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime())
    contributions: Mapped[int] = mapped_column(Integer)
    payload: Mapped[bytes | None] = mapped_column(LargeBinary)
    payload_bytes: Mapped[int] = mapped_column(BigInteger)
    batch_id: Mapped[str | None] = mapped_column(String(36))
    in_files: Mapped[bool] = mapped_column(server_default=false())
    is_awaited: Mapped[bool] = mapped_column(server_default=false())

    __table_args__ = (
        Index(
            "journal_pending",
            "entry_id",
            "contributions",
            "payload_bytes",
            "in_files",
            "is_awaited",
            sqlite_where=text("batch_id IS NULL"),
            postgresql_where=text("batch_id IS NULL"),
        ),
        # Ids of deleted entries must not be used again, since ids order the batches.
        {"sqlite_autoincrement": True},
    )


class IdempotencyKey(Base):
    """The key by which a repeated submission is recognised while it is recent.

    Keys of an upload are written while its entry is open. They count once the entry has a payload.
    A key of ids that own something goes once the index of versions has answered in its place for a
    while. One of guessed ids, which the lake doesn't store, is kept as long as its journal entry.
    """

    __tablename__ = "idempotency_keys"

    key: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    contribution_id: Mapped[str] = mapped_column(String(36))
    entry_id: Mapped[int] = mapped_column(BigInteger)
    is_guessed: Mapped[bool] = mapped_column(server_default=true())

    __table_args__ = (
        Index("idempotency_keys_expiry", "is_guessed", "entry_id"),
        {"sqlite_with_rowid": False},
    )


class UploadRequest(Base):
    """An upload with the header Idempotency-Key, running or answered.

    One whose rows all repeat versions that the index has is answered with the number of the newest
    of their commits, and without an entry.
    """

    __tablename__ = "upload_requests"

    request_key: Mapped[str] = mapped_column(String(255), primary_key=True)
    entry_id: Mapped[int] = mapped_column(BigInteger)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime(), index=True)
    digest: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    answer: Mapped[bytes | None] = mapped_column(LargeBinary)
    sequence_number: Mapped[int | None] = mapped_column(BigInteger)


class Claim(Base):
    """The batch that is being committed to a table of the lake, and the entries of the batch.

    A table has one claim at most.
    """

    __tablename__ = "claims"

    table_name: Mapped[str] = mapped_column(String(64), primary_key=True)
    batch_id: Mapped[str] = mapped_column(String(36))
    entry_runs: Mapped[bytes] = mapped_column(LargeBinary)
    claimed_at: Mapped[datetime] = mapped_column(UtcDateTime())


class LedgerEntry(Base):
    """A snapshot that was ever committed, whether it is still live or not.

    `as_of_from` is the earliest time of commit of this snapshot and all later ones: the moment from
    which "as of" means this snapshot or a later one. Unlike `committed_at`, it never falls from one
    snapshot to the next, though clocks are set back.
    """

    __tablename__ = "ledger"

    snapshot_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    sequence_number: Mapped[int] = mapped_column(BigInteger, unique=True)
    committed_at: Mapped[datetime] = mapped_column(UtcDateTime(), index=True)
    operation: Mapped[str] = mapped_column(String(16))
    batch_id: Mapped[str | None] = mapped_column(String(36), unique=True)
    added_rows: Mapped[int] = mapped_column(BigInteger)
    total_rows: Mapped[int] = mapped_column(BigInteger)
    added_files: Mapped[int] = mapped_column(BigInteger)
    added_bytes: Mapped[int] = mapped_column(BigInteger)
    as_of_from: Mapped[datetime] = mapped_column(UtcDateTime())

    __table_args__ = (Index("ledger_as_of", "as_of_from", "sequence_number"),)


class EvaluationSetRecord(Base):
    """An evaluation set that the operator added, with its items as compressed JSON lines."""

    __tablename__ = "evaluation_sets"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    version: Mapped[str] = mapped_column(Text)
    licence: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
    items: Mapped[int] = mapped_column(BigInteger)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    content_bytes: Mapped[int] = mapped_column(BigInteger)
    added_at: Mapped[datetime] = mapped_column(UtcDateTime())


class StageChunk(Base):
    """The input and the result of computing one chunk of a stage: a part of a day.

    While a chunk is being replaced its digest is empty, so that it is computed again if that fails.
    """

    __tablename__ = "stage_chunks"

    stage: Mapped[str] = mapped_column(String(16), primary_key=True)
    start: Mapped[datetime] = mapped_column(UtcDateTime(), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    rows: Mapped[int] = mapped_column(BigInteger)
    dropped: Mapped[dict[str, int]] = mapped_column(JSON)


class ReleaseRecord(Base):
    """A release that is being built, was published, failed, or was removed.

    A running build updates `seen_at` regularly, so that a killed one is recognised.
    """

    __tablename__ = "releases"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    build_id: Mapped[str] = mapped_column(String(36))
    stage: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    step: Mapped[str] = mapped_column(String(16))
    rows_done: Mapped[int] = mapped_column(BigInteger)
    rows_total: Mapped[int | None] = mapped_column(BigInteger)
    reason: Mapped[str | None] = mapped_column(Text)
    sequence_number: Mapped[int | None] = mapped_column(BigInteger)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime())
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime())
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime())


class ReleaseSchedule(Base):
    """The state of a stage's release schedule: the last settled period, and the next attempt."""

    __tablename__ = "release_schedules"

    stage: Mapped[str] = mapped_column(String(16), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime())
    settled: Mapped[str | None] = mapped_column(String(16))
    sequence_number: Mapped[int] = mapped_column(BigInteger)
    try_after: Mapped[datetime | None] = mapped_column(UtcDateTime())


class HubPublicationRecord(Base):
    """A release in a repository of the Hugging Face Hub; a repository holds one release.

    `required_revision` is set by takedowns: earlier revisions have to leave the Hub.
    """

    __tablename__ = "hub_publications"

    repository: Mapped[str] = mapped_column(String(200), primary_key=True)
    release_name: Mapped[str] = mapped_column(String(100))
    hub_url: Mapped[str] = mapped_column(Text)
    access: Mapped[str] = mapped_column(String(16))
    revision: Mapped[int | None] = mapped_column(Integer)
    commit_id: Mapped[str | None] = mapped_column(String(64))
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    required_revision: Mapped[int | None] = mapped_column(Integer)
    remains: Mapped[list[str]] = mapped_column(JSON)


class ApiKeyRecord(Base):
    """An API key, with the SHA-256 of its secret."""

    __tablename__ = "api_keys"

    key_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime())
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    limits: Mapped[dict[str, int]] = mapped_column(JSON, server_default="{}")


class SharedBucket(Base):
    """A bucket of a client that is not full, as the nodes of a lake together have emptied it.

    The client is a digest with a key, so that the table has no addresses. Rows are deleted once
    their buckets are full.
    """

    __tablename__ = "shared_buckets"

    client: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    bucket: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    full_at_s: Mapped[float] = mapped_column(Double, index=True)


class GateRecord(Base):
    """A release or a map that needs an API key, and the role that the key needs."""

    __tablename__ = "gates"

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))


class HiddenContribution(Base):
    """A contribution that no reader sees, for as long as any cause is left."""

    __tablename__ = "hidden_contributions"

    contribution_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    cause: Mapped[str] = mapped_column(String(16), primary_key=True)
    hidden_at: Mapped[datetime] = mapped_column(UtcDateTime())


class ShownAgain(Base):
    """A contribution that was hidden, and the version of the list of those that showed it again."""

    __tablename__ = "shown_again"

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    contribution_id: Mapped[str] = mapped_column(String(36), primary_key=True, index=True)
    shown_at: Mapped[datetime] = mapped_column(UtcDateTime())


class TakedownRecord(Base):
    """What was asked to be taken down: a contribution, a conversation or a contributor.

    Takedowns are recorded one at a time, so that their ids become visible in order. One that is
    counted is no longer in the ledger's numbers of rows.
    """

    __tablename__ = "takedowns"

    takedown_id: Mapped[int] = mapped_column(_RowId, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(16))
    identifier: Mapped[str] = mapped_column(String(512))
    reason: Mapped[str | None] = mapped_column(Text)
    requested_by: Mapped[str] = mapped_column(String(120))
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime())
    erased_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    is_counted: Mapped[bool] = mapped_column(server_default=false())

    __table_args__ = ({"sqlite_autoincrement": True},)


class TakenDownContribution(Base):
    """What stays of a contribution that was taken down: enough to know it again, and no text."""

    __tablename__ = "taken_down_contributions"

    contribution_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    takedown_id: Mapped[int] = mapped_column(BigInteger, index=True)
    conversation_id: Mapped[str] = mapped_column(String(64), index=True)
    content_hash: Mapped[str] = mapped_column(String(64), index=True)
    sequence_number: Mapped[int | None] = mapped_column(BigInteger, index=True)


class HeldBackFor(Base):
    """A release or a map that nobody gets until a contribution is taken out of it."""

    __tablename__ = "held_back"

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    contribution_id: Mapped[str] = mapped_column(String(36), primary_key=True)


class ReportRecord(Base):
    """What a reader has against a contribution. Of one reporter, the first report stays.

    The reporter is a keyed hash of the network that the report came from.
    """

    __tablename__ = "reports"

    report_id: Mapped[int] = mapped_column(_RowId, primary_key=True, autoincrement=True)
    contribution_id: Mapped[str] = mapped_column(String(36))
    reporter: Mapped[str] = mapped_column(String(32))
    reason: Mapped[str] = mapped_column(String(16))
    comment: Mapped[str | None] = mapped_column(Text)
    reported_at: Mapped[datetime] = mapped_column(UtcDateTime())

    __table_args__ = (
        Index("reports_once", "contribution_id", "reporter", unique=True),
        Index("reports_by_reporter", "reporter", "reported_at"),
    )


class QuarantineRecord(Base):
    """A contribution that is hidden until a moderator decides, for each cause that it has."""

    __tablename__ = "quarantine"

    contribution_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    cause: Mapped[str] = mapped_column(String(16), primary_key=True)
    reason: Mapped[str | None] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String(120))
    quarantined_at: Mapped[datetime] = mapped_column(UtcDateTime())


class QuarantinedVersion(Base):
    """A version that is hidden with a contribution in quarantine: itself, or an earlier one."""

    __tablename__ = "quarantined_versions"

    contribution_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    version_id: Mapped[str] = mapped_column(String(36), primary_key=True, index=True)


class ApprovalRecord(Base):
    """What a moderator found no fault in: a reason of reports, or scores, for a contribution."""

    __tablename__ = "approvals"

    contribution_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    approved_at: Mapped[datetime] = mapped_column(UtcDateTime())


class ModerationLogEntry(Base):
    """A decision of moderation. Triggers of the database keep entries from being changed."""

    __tablename__ = "moderation_log"

    entry_id: Mapped[int] = mapped_column(_RowId, primary_key=True, autoincrement=True)
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime())
    actor: Mapped[str] = mapped_column(String(120))
    action: Mapped[str] = mapped_column(String(16))
    kind: Mapped[str] = mapped_column(String(16))
    identifier: Mapped[str] = mapped_column(String(512), index=True)
    reason: Mapped[str | None] = mapped_column(Text)

    __table_args__ = ({"sqlite_autoincrement": True},)


class BanRecord(Base):
    """A contributor of whom nothing is taken, and whose contributions are hidden.

    The state says whether their contributions are still being hidden, are all hidden, or are shown
    again since the ban was lifted; the record goes when that is done. `takedown_by` is who asked
    for all of it to be erased; null if nobody did.
    """

    __tablename__ = "bans"

    contributor_id: Mapped[str] = mapped_column(String(512), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(Text)
    banned_by: Mapped[str] = mapped_column(String(120))
    banned_at: Mapped[datetime] = mapped_column(UtcDateTime())
    takedown_by: Mapped[str | None] = mapped_column(String(120))


class BannedContribution(Base):
    """A contribution that is hidden because its contributor is banned."""

    __tablename__ = "banned_contributions"

    contribution_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    contributor_id: Mapped[str] = mapped_column(String(512), index=True)


class ThinnedBuildRecord(Base):
    """A build of a stage that was thinned: see `app.state.thinned_builds.ThinnedBuild`."""

    __tablename__ = "thinned_builds"

    snapshot_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    stage: Mapped[str] = mapped_column(String(16), index=True)
    sequence_number: Mapped[int] = mapped_column(BigInteger)
    source_number: Mapped[int] = mapped_column(BigInteger)
    built_at: Mapped[datetime] = mapped_column(UtcDateTime())


class ContributorNetwork(Base):
    """The network that a contributor sent from first on a day, as a hash that changes daily."""

    __tablename__ = "contributor_networks"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    contributor_id: Mapped[str] = mapped_column(String(64), primary_key=True, index=True)
    network: Mapped[str] = mapped_column(String(16))


class ListVersion(Base):
    """How often a list in this database changed, so that a process knows when to read it again."""

    __tablename__ = "list_versions"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)


class Secret(Base):
    """A random value that is generated once and kept."""

    __tablename__ = "secrets"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[bytes] = mapped_column(LargeBinary(32))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime())
