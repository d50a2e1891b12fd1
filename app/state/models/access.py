"""The tables of access: keys, gates, limits, and the networks that contributors send from."""

from datetime import date, datetime

from sqlalchemy import JSON, BigInteger, Date, Double, LargeBinary, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from app.state.models.base import Base, UtcDateTime


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


class GateRecord(Base):
    """A release or a map that needs an API key, and the role that the key needs."""

    __tablename__ = "gates"

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))


class SharedBucket(Base):
    """A bucket of a client that is not full, as the nodes of a lake together have emptied it.

    The client is a digest with a key, so that the table has no addresses. Rows are deleted once
    their buckets are full.
    """

    __tablename__ = "shared_buckets"

    client: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    bucket: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    full_at_s: Mapped[float] = mapped_column(Double, index=True)


class ContributorNetwork(Base):
    """The network that a contributor sent from first on a day, as a hash that changes daily."""

    __tablename__ = "contributor_networks"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    contributor_id: Mapped[str] = mapped_column(String(64), primary_key=True, index=True)
    network: Mapped[str] = mapped_column(String(16))
