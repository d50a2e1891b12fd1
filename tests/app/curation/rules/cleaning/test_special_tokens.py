from app.curation.rules.cleaning.rows import clean
from tests.app.curation.rules.cleaning.batches import make_batch
from tests.factories import make_turns


def test_what_a_token_hid_is_masked_and_counted() -> None:
    (row,) = clean(make_batch(make_turns("tel.[INST]030 901820", "Thank you."))).to_pylist()
    assert row["conversation"][0]["content"] == "tel.\n<PHONE>"
    assert row["masked"]["phone"] == 1
