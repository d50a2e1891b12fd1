"""Whatever stands in the place of a value, a row becomes a conversation or is rejected."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from chatlake_client.contract import Terms, submissions_of
from chatlake_client.errors import RowError
from chatlake_client.records import Row
from chatlake_client.shapes.documents import rows_within
from chatlake_client.shapes.fields import Losses
from chatlake_client.shapes.recognition import shape_of
from chatlake_client.shapes.shape import Shape
from tests.client.reading import found_of, read_rows

FOLDER: Final = Path(__file__).parents[1] / "exports"
BROKEN: Final[list[Any]] = [
    *(None, 3, -1.5, "x", True, [], {}, [None], [3], ["x"], {"x": None}),
    # What looks like a number.
    *("--5", "\N{SUPERSCRIPT TWO}", "9" * 5_000, float("inf"), 10**400),
]
MAX_PLACES: Final = 50
"""How many values of a row are broken, one at a time."""


def rows_of(name: str) -> list[Any]:
    return [row.value for row in read_rows(FOLDER / name) if isinstance(row, Row)]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each value within a value."""
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for key, member in members:
        yield (*path, key)
        if isinstance(member, dict | list):
            yield from places(member, (*path, key))


def spread(found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """So many of the paths, from the first to the last."""
    return found[:: len(found) // MAX_PLACES + 1]


def with_value(row: Any, path: tuple[Any, ...], value: object) -> Any:
    """A row with another value at a path; what lies beside the path is the same object."""
    if not path:
        return value
    key, *rest = path
    changed = copy.copy(row)
    changed[key] = with_value(row[key], tuple(rest), value)
    return changed


def read(rows: list[Any]) -> None:
    """Read rows of one shape as the importer does; rejecting them is as good."""
    try:
        shape, _ = shape_of(rows[0])
        if isinstance(shape, Shape):
            submissions_of(*found_of(rows[0]), Terms(is_lossy=True, sends_branches=True))
            return
        # Rows of a thread are read together.

        parts = [part for row in rows for _, part in shape.parts(row)]
        if parts:
            losses = Losses()
            conversation = shape.read(parts, losses)
            if conversation and conversation.turns:
                submissions_of(conversation, losses, Terms(is_lossy=True, sends_branches=True))
    except (RowError, AssertionError):
        pass


NAMES: Final = sorted(
    path.name
    for path in FOLDER.iterdir()
    if ".expected." not in path.name and path.suffix in {".json", ".jsonl"}
)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_broken_value_costs_its_row_at_most(name: str) -> None:
    for row in rows_of(name)[:4]:
        whole = copy.deepcopy(row)
        for path in spread(list(places(row))):
            for value in BROKEN:
                read([with_value(row, path, value)])
        assert row == whole, "reading changed what it was given"


@pytest.mark.parametrize("name", ["cherry_studio.json", "lobechat.json"])
def test_a_broken_value_of_a_backup_stops_nothing(name: str) -> None:
    backup = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    for path in spread(list(places(backup))):
        for value in BROKEN:
            for row in rows_within(with_value(backup, path, value)):
                read([row])


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_key_costs_its_row_at_most(name: str) -> None:
    for row in rows_of(name)[:4]:
        for path in spread(list(places(row))):
            changed = copy.deepcopy(row)
            inner = changed
            for key in path[:-1]:
                inner = inner[key]
            del inner[path[-1]]
            read([json.loads(json.dumps(changed, default=str))])
