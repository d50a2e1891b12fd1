"""The idempotency keys that a lake has."""

from sqlalchemy import func, select

from app.services import Services
from app.state.models import IdempotencyKey


def count_keys(services: Services) -> int:
    """Return the number of idempotency keys that the database holds."""
    with services.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(IdempotencyKey)) or 0
