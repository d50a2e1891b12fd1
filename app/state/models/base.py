"""What the tables have in common: their base class, and types of columns."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, TypeDecorator
from sqlalchemy.orm import DeclarativeBase


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


RowId = BigInteger().with_variant(Integer, "sqlite")
"""An id that counts up. SQLite generates those only for a primary key of the type INTEGER."""


class Base(DeclarativeBase):
    """Base class of the tables."""
