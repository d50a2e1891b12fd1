import pytest

from app.curation.rules.cleaning.rows import clean
from catalog.records import Turn
from tests.app.curation.rules.cleaning.batches import make_batch
from tests.app.curation.rules.cleaning.cleaned import CALL, assert_stays_clean, cleaned, turns_of
from tests.factories import make_turns


@pytest.mark.parametrize(
    ("reasons", "turns"),
    [
        (None, [("user", "Hi"), ("assistant", "Ho")]),
        (None, [("system", "Be kind"), ("user", "Hi"), ("assistant", "Ho")]),
        (
            ["blank_turn_removed"],
            [("user", "Wo?"), ("assistant", "Da."), ("user", " "), ("assistant", "Gleich.")],
        ),
        (["ends_with_user"], [("user", "Hi"), ("assistant", "Ho"), ("user", "And then?")]),
        (["repeated_role"], [("user", "Hi"), ("user", "You"), ("assistant", "Ho")]),
        (["starts_without_user"], [("assistant", "Hi"), ("user", "Ho"), ("assistant", "Hm")]),
        (["late_system"], [("user", "Hi"), ("system", "Be kind"), ("assistant", "Ho")]),
        (["tool_without_call"], [("user", "Hi"), ("tool", "{}"), ("assistant", "Ho")]),
        (
            ["ends_with_user", "repeated_role"],
            [("user", "Hi"), ("assistant", "Ho"), ("user", "A"), ("user", "B")],
        ),
    ],
)
def test_conversations_that_strict_templates_refuse_say_why(
    reasons: list[str] | None, turns: list[tuple[str, str]]
) -> None:
    others = make_turns("Hi", "Ho")

    result = clean(make_batch(others, turns_of(*turns), others))

    assert result["irregular"].to_pylist() == [None, reasons, None]


def test_calls_of_tools_and_their_answers_are_regular() -> None:
    called = Turn("", "assistant", tool_calls=(CALL,))
    turns = [Turn("Hi", "user"), called, Turn("{}", "tool"), Turn("Ho", "assistant")]

    assert cleaned(make_batch(turns))["irregular"] is None
    assert cleaned(make_batch(turns[:3]))["irregular"] == ["tool_without_answer"]
    ignored = [turns[0], called, turns[0], turns[3]]
    assert cleaned(make_batch(ignored))["irregular"] == ["call_without_answer"]


@pytest.mark.parametrize(
    "turns",
    [
        [("user", "Wo?"), ("assistant", "Da."), ("user", " "), ("assistant", "Gleich.")],
        [("user", "Où ?"), ("assistant", " "), ("user", "Là ?"), ("assistant", "Oui.")],
        [("user", "Hi"), ("assistant", "Ho"), ("user", "And then?")],
        [("user", "[INST] Hi [/INST] Ho </s>"), ("assistant", "Yes"), ("assistant", "No")],
        [("user", "Hi"), ("system", "Be kind"), ("assistant", "Ho<|im_end|>")],
        [("user", "\n\nHuman: a\n\nAssistant: b\n\nHuman: c"), ("assistant", "d")],
        [("user", "[INST] Human: a [/INST] Assistant: b"), ("assistant", "c")],
        [("user", "[INST] a</s>[/INST] b"), ("assistant", "c")],
    ],
)
def test_an_irregular_conversation_stays_what_it_is(turns: list[tuple[str, str]]) -> None:
    assert_stays_clean(clean(make_batch(turns_of(*turns))))
