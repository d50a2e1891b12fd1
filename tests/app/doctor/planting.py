"""What faults are planted with."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from app.services import Services


class Fault(NamedTuple):
    """A fault, and what the doctor says of it."""

    plant: Callable[[Services], None]
    check: str
    says: str


def execute(services: Services, *statements: Any) -> None:
    """Run statements in one transaction on the database."""
    with services.database.write() as connection:
        for statement in statements:
            connection.execute(statement)


def file_of(services: Services, pattern: str) -> Path:
    """Return the oldest file of the raw table whose name fits a pattern."""
    folder = services.settings.home / "warehouse/chatlake/contributions"
    return min(folder.rglob(pattern), key=lambda path: path.stat().st_mtime_ns)


def change(path: str, content: str) -> Callable[[Services], None]:
    """Return what writes a file of the home folder anew."""

    def plant(services: Services) -> None:
        (services.settings.home / path).write_text(content)

    return plant


def garble(path: Path) -> None:
    """Put zeros in the place of all bytes of a file."""
    path.write_bytes(bytes(path.stat().st_size))
