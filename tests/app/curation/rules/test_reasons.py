import pyarrow as pa
import pytest

from app.curation.rules.curating.decide import REASONS
from app.curation.rules.curating.parameters import CuratingParameters
from app.curation.rules.curating.quality.rules import QUALITY_REASONS, judge
from app.curation.rules.curating.quality.signals import signals
from app.curation.rules.interface import Reason
from app.curation.rules.reasons import all_reasons
from catalog.schema import CONVERSATION
from catalog.stages.tables import COMPUTED_STAGES
from tests.app.releases.factories import make_turn

PARAMETERS = CuratingParameters()
ALL = all_reasons(PARAMETERS)
SHOWN = [each for each in ALL if each.name in QUALITY_REASONS and each.example]


def test_every_reason_is_explained_in_the_order_of_the_rules() -> None:
    of_cleaning = ("superseded", "hidden", "empty", "no_exchange")
    assert [each.name for each in ALL] == [*of_cleaning, *REASONS]
    assert {each.name for each in ALL if each.stage == "cleaned"} == set(of_cleaning)


def test_thresholds_are_those_of_the_parameters() -> None:
    (few,) = [
        each
        for each in all_reasons(CuratingParameters(min_words=77))
        if each.name == "too_few_words"
    ]
    assert few.threshold == "fewer than 77 words"


@pytest.mark.parametrize("reason", SHOWN, ids=[each.name for each in SHOWN])
def test_the_rule_leaves_its_own_example_out(reason: Reason) -> None:
    assert reason.example is not None
    prompt, answer = reason.example.removeprefix("user: ").split(" assistant: ")
    turns = [make_turn("user", prompt), make_turn("assistant", answer)]
    kind = COMPUTED_STAGES["cleaned"].arrow_schema.field(CONVERSATION).type
    facts = pa.table({"signals": signals(pa.array([turns], kind))})
    reasons, _ = judge(facts, PARAMETERS)
    assert reasons.to_pylist() == [reason.name]


@pytest.mark.parametrize("reason", ALL, ids=[each.name for each in ALL])
def test_a_reason_can_be_told_in_a_cell_of_a_table(reason: Reason) -> None:
    for text in (reason.left_out, reason.threshold or "", reason.example or ""):
        assert not set("|<>*_`\n") & set(text)
