import hashlib

from app.curation.rules.curating.prompts import first_prompts, prompts
from app.releases.rows.splits import first_prompt
from tests.app.curation.rules.curating.making import SCHEMA, column, many, turns
from tests.batches import assert_row_by_row


def test_the_column_is_of_the_type_of_the_stage_and_the_same_in_any_batch() -> None:
    assert prompts(column()).type == SCHEMA.field("prompt").type
    assert_row_by_row(prompts, column(*many()))


def test_stored_hashes_and_bands_never_change() -> None:
    (row,) = prompts(column(turns("Hello, World 2!", "Hi"))).to_pylist()
    digest = hashlib.sha256(b"helloworld2").digest()
    assert row["hash"] == int.from_bytes(digest[:8], signed=True)
    assert row["bands"][:2] == [4239769913117142232, -9177558614858783958]


def test_the_first_prompt_is_that_of_splits() -> None:
    told = {"role": "system", "content": "Be kind", "stopped": False}
    conversations = [turns("Hi", "Ho"), [told, *turns("Hey", "Ho")], [told], []]
    expected = ["Hi", "Hey", "Be kind", ""]
    assert first_prompts(column(*conversations)) == expected
    assert [first_prompt(conversation) for conversation in conversations] == expected
