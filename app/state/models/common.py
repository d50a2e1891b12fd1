"""The tables that several domains use."""

from datetime import datetime

from sqlalchemy import BigInteger, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.state.models.base import Base, UtcDateTime


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
