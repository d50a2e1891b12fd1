from typing import Any

import pyarrow as pa
import pytest

from app.releases.rows.filters import ReleaseFilters
from catalog.stages.tables import COMPUTED_STAGES
from tests.app.releases.factories import make_recipe, make_row, make_tool_row
from tests.batches import cut

TABLES = COMPUTED_STAGES["curated"]
FLAG = {"turn": 1, "category": "hate"}
ROWS = [
    make_row(0),
    make_tool_row(1, quality_score=0.6),
    make_row(2, licence="MIT", agent_id="model-2", quality_score=0.4),
    make_row(3, tools="[]", licence="cc-by-4.0", irregular=["ends_with_user"], flags=[FLAG]),
]


@pytest.mark.parametrize(
    ("asked", "kept", "dropped"),
    [
        ({}, [0, 1, 2, 3], {}),
        ({"licences": ("CC0-1.0", "mit")}, [1, 2], {"licence": 2}),
        # One that states none is under the licence of the release.
        ({"licences": ("CC-BY-4.0",)}, [0, 3], {"licence": 2}),
        ({"models": ("model-1", "model-2")}, [1, 2], {"model": 2}),
        ({"has_tools": True}, [1, 3], {"tools": 2}),
        ({"has_tools": False}, [0, 2], {"tools": 2}),
        ({"alternating": True}, [0, 1, 2], {"alternating": 1}),
        # Rows without a score stay.
        ({"min_quality_score": 0.5}, [0, 1, 3], {"quality_score": 1}),
        ({"min_quality_score": 0.6}, [0, 1, 3], {"quality_score": 1}),
        ({"min_quality_score": 1.0}, [0, 3], {"quality_score": 2}),
        ({"min_quality_score": 0.0}, [0, 1, 2, 3], {}),
        ({"has_tools": True, "alternating": True}, [1], {"tools": 2, "alternating": 1}),
        ({"flagged": "keep"}, [0, 1, 2, 3], {}),
        ({"flagged": "drop"}, [0, 1, 2], {"flagged": 1}),
        ({"flagged": "only"}, [3], {"flagged": 3}),
        ({"licences": ("MIT",), "has_tools": True}, [], {"licence": 3, "tools": 1}),
    ],
)
@pytest.mark.parametrize("batch_rows", [1, 3, 4])
def test_a_filter_keeps_what_it_says_and_counts_the_rest(
    asked: dict[str, Any], kept: list[int], dropped: dict[str, int], batch_rows: int
) -> None:
    batch = pa.RecordBatch.from_pylist(ROWS, TABLES.arrow_schema)
    filters = ReleaseFilters(make_recipe(stage="curated", **asked))
    found = [filters.apply(part) for part in cut(batch, batch_rows)]
    ids = [id_ for part in found for id_ in part["contribution_id"].to_pylist()]
    assert ids == [ROWS[number]["contribution_id"] for number in kept]
    assert filters.dropped == dropped


@pytest.mark.parametrize("has_tools", [True, False])
def test_rows_of_files_without_optional_fields_have_no_tools(has_tools: bool) -> None:
    names = ["contribution_id", "agent_id", "conversation"]
    schema = pa.schema(
        [
            TABLES.arrow_schema.field("contribution_id"),
            TABLES.arrow_schema.field("agent_id"),
            pa.field("conversation", pa.large_list(pa.struct([("content", pa.large_string())]))),
        ]
    )
    row = {"contribution_id": "a", "agent_id": "b", "conversation": [{"content": "c"}]}
    batch = pa.RecordBatch.from_pylist([row], schema)
    assert batch.schema.names == names
    recipe = make_recipe(stage="curated", has_tools=has_tools, models=("b",), licences=("mit",))
    filters = ReleaseFilters(recipe)
    assert filters.apply(batch).num_rows == 0
    assert filters.dropped == {"licence": 1}
    assert ReleaseFilters(make_recipe(stage="curated", alternating=True)).apply(batch).num_rows == 1
    scored = ReleaseFilters(make_recipe(stage="curated", min_quality_score=1.0))
    assert scored.apply(batch).num_rows == 1
    tools_alone = ReleaseFilters(make_recipe(stage="curated", has_tools=has_tools))
    assert tools_alone.apply(batch).num_rows == (0 if has_tools else 1)
