"""The pipeline with the rules of the service."""

import pytest

from app.curation.rules.cleaning.rows import CLEANING_VERSION
from app.services import Services
from catalog.columns.arrow import to_arrow
from catalog.records import ToolCall, Turn
from catalog.schema import PARTITION_SPEC, TABLE_IDENTIFIER, TABLE_PROPERTIES
from catalog.stages.reader import stage_rows, table_arrow_schema
from catalog.stages.tables import COMPUTED_STAGES
from catalog.table import load_table
from migrations.lake import step_0002_stages, step_0003_more_of_conversations
from tests.batches import scan_in_batches
from tests.factories import commit_batch, make_received
from tests.old_lakes import first_schema

QUESTION = "Could you please tell me how the tides of the sea are made, and why two a day?"
ANSWER = (
    "The moon pulls at the water that is nearest to it more than at the earth, and at the earth "
    "more than at the water behind it, so that there are two bulges that the earth turns under."
)

pytestmark = pytest.mark.usefixtures("one_process")


@pytest.mark.slow
@pytest.mark.both
def test_a_conversation_is_masked_and_its_near_duplicate_left_out(services: Services) -> None:
    kept = make_received(0, QUESTION, f"{ANSWER} Write to ada@quillmere.net if it is not clear.")
    near = make_received(1, QUESTION, f"{ANSWER} Write to bob@quillmere.net if it is not clear!")
    bad = make_received(
        0, conversation=(Turn(QUESTION, "user"), Turn("No " + ANSWER, "assistant", "negative"))
    )
    snapshot = commit_batch(services, kept, near, bad, make_received(1, "Hi", " "))
    built = services.curation.stages().build("curated", snapshot)
    assert built.rows == 1
    assert built.rows + sum(built.dropped.values()) == 4
    assert built.rules["cleaning"].startswith(f"{CLEANING_VERSION} ftfy ")
    assert '"min_similarity":0.7' in built.rules["curating"]
    assert built.dropped["no_exchange"] == built.dropped["rated_negative"] == 1
    table = load_table(services.catalog, COMPUTED_STAGES["curated"].rows)
    (batch,) = stage_rows(table, built.snapshot_id)
    (row,) = batch.to_pylist()
    assert row["contribution_id"] == kept.contribution_id
    assert row["language"] == "en"
    assert row["masked"]["email"] == 1
    assert "ada@quillmere.net" not in str(row)


@pytest.mark.slow
def test_rows_from_before_the_columns_were_added_are_curated_beside_newer_ones(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = services.catalog
    for identifier in (TABLE_IDENTIFIER, *(tables.rows for tables in COMPUTED_STAGES.values())):
        catalog.drop_table(identifier)
    catalog.create_table(
        TABLE_IDENTIFIER,
        first_schema(),
        partition_spec=PARTITION_SPEC,
        properties=dict(TABLE_PROPERTIES),
    )
    step_0002_stages.upgrade(catalog)
    old_schema = table_arrow_schema(load_table(catalog))
    with monkeypatch.context() as before:
        before.setattr(
            "catalog.table.to_arrow",
            lambda rows: to_arrow(rows).select(old_schema.names).cast(old_schema),
        )
        old = make_received(0, QUESTION, ANSWER)
        old_snapshot = commit_batch(services, old)
    step_0003_more_of_conversations.upgrade(catalog)
    assert services.curation.stages().build("curated", old_snapshot).rows == 1
    call = ToolCall("1", "weather", '{"city": "Bonn"}')
    turns = (Turn("Will it rain in the city today?", "user"), Turn("", None, tool_calls=(call,)))
    new = make_received(1, conversation=turns, labels={"mood": "good"}, title="Rain")
    same_day = make_received(0, "Who is it that calls me at this hour?", "It is only the wind.")
    snapshot = commit_batch(services, new, same_day)
    assert services.curation.stages().build("curated", snapshot).rows == 3
    curated = load_table(catalog, COMPUTED_STAGES["curated"].rows)
    newest = curated.current_snapshot()
    assert newest
    rows = [row for batch in stage_rows(curated, newest.snapshot_id) for row in batch.to_pylist()]
    by_id = {row["contribution_id"]: row for row in rows}
    assert by_id[old.contribution_id]["labels"] is None
    assert [turn["tool_calls"] for turn in by_id[old.contribution_id]["conversation"]] == [None] * 2
    found = by_id[new.contribution_id]
    assert (found["title"], dict(found["labels"])) == ("Rain", {"mood": "good"})
    assert [turn["tool_calls"] for turn in found["conversation"]] == [
        None,
        [{"id": "1", "name": "weather", "arguments": '{"city": "Bonn"}'}],
    ]


@pytest.mark.slow
@pytest.mark.parametrize("unlike", [0, 1, 2, 3])
def test_near_duplicates_are_found_among_any_number_of_rows_that_are_none(
    services: Services, monkeypatch: pytest.MonkeyPatch, unlike: int
) -> None:
    """Also where a scan meets batches of rows of which none may be a near duplicate."""
    scan_in_batches(monkeypatch, 2)
    near = [make_received(0, QUESTION, f"{ANSWER}{end}") for end in ("", " So.")]
    others = [
        make_received(0, " ".join(f"q{row}x{word}" for word in range(9)), "It is not known.")
        for row in range(unlike)
    ]
    snapshot = commit_batch(services, *near, *others)
    built = services.curation.stages().build("curated", snapshot)
    assert (built.rows, dict(built.dropped)) == (1 + unlike, {"near_duplicate": 1})


@pytest.mark.slow
def test_a_lake_of_nothing_but_an_empty_conversation_is_curated_to_nothing(
    services: Services,
) -> None:
    snapshot = commit_batch(services, make_received(0, " ", " "))
    built = services.curation.stages().build("curated", snapshot)
    assert (built.rows, dict(built.dropped)) == (0, {"empty": 1})
