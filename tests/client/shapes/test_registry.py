from pathlib import Path
from typing import Any

import pytest

from chatlake_client.errors import RowError
from chatlake_client.records import Row
from chatlake_client.shapes.recognition import shape_of
from chatlake_client.shapes.registry import LISTED, SCATTERED, SHAPES
from chatlake_client.shapes.vocabulary import speaks
from tests.client.reading import read_rows
from tests.client.shapes.test_corners import CORNERS

FOLDER = Path(__file__).parents[1] / "exports"
NAMES = sorted(path.name for path in FOLDER.glob("*.json*") if ".expected." not in path.name)


def first_of_all(row: Any) -> object:
    found = next((shape for shape in (*SHAPES, LISTED) if shape.recognises(row)), None)
    return SCATTERED if found is None and speaks(row) else found


@pytest.mark.parametrize("name", NAMES)
def test_the_keys_of_a_shape_find_what_asking_every_shape_finds(name: str) -> None:
    rows = [row.value for row in read_rows(FOLDER / name) if isinstance(row, Row)]
    for row in filter(lambda row: isinstance(row, dict), rows):
        value: Any = row
        try:
            found, value = shape_of(row)
        except RowError:
            found = None
        assert found is first_of_all(value)


@pytest.mark.parametrize("corner", CORNERS)
def test_the_keys_of_a_shape_find_corners_too(corner: str) -> None:
    row, _ = CORNERS[corner]
    assert shape_of(row)[0] is first_of_all(row)


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"prompt": "q", "completion": "a"}, "instruction or question with an answer"),
        (
            {
                "prompt": [{"role": "user", "content": "q"}],
                "completion": [{"role": "assistant", "content": "a"}],
            },
            "prompt with completion, as messages",
        ),
    ],
)
def test_a_row_of_kto_has_one_shape(row: Any, name: str) -> None:
    labelled = {**row, "label": False}
    assert [shape.name for shape in SHAPES if shape.recognises(labelled)] == [name]
