import pytest

from app.curation.rules.cleaning.roles import Role, role_of, with_roles
from app.curation.rules.cleaning.turns import flattened
from catalog.records import Turn
from tests.app.curation.rules.cleaning.batches import make_batch

SHORT: dict[str, Role] = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}


def roles(*words: str | None) -> list[str]:
    batch = make_batch([Turn("Hi", word) for word in words])
    told: list[str] = with_roles(flattened(batch["conversation"]))["role"].to_pylist()
    return told


def spelled(letters: str) -> list[str]:
    return [SHORT[letter] for letter in letters]


@pytest.mark.parametrize(
    ("word", "role"),
    [
        ("user", "user"),
        ("USER", "user"),
        ("human", "user"),
        ("prompter", "user"),
        ("Prompt: ", "user"),
        ("### Instruction:", "user"),
        ("assistant", "assistant"),
        ("gpt", "assistant"),
        ("Response: ", "assistant"),
        ("<|assistant|>", "assistant"),
        ("model", "assistant"),
        ("bot", "assistant"),
        ("system", "system"),
        ("developer", "system"),
        ("tool", "tool"),
        ("function", "tool"),
        ("ipython", "tool"),
        ("function_call", "assistant"),
        ("Ada", None),
        ("", None),
        (None, None),
    ],
)
def test_the_words_of_clients_mean_roles(word: str | None, role: Role | None) -> None:
    assert role_of(word) == role


def test_without_any_word_the_user_begins_and_they_take_turns() -> None:
    assert roles(None, None, None) == spelled("uau")


def test_an_unknown_turn_has_the_other_role_than_the_turn_before() -> None:
    assert roles("human", None, None, "gpt", None) == spelled("uauau")


def test_after_a_tool_the_assistant_speaks() -> None:
    assert roles("user", "assistant", "tool", None) == spelled("uata")


def test_the_system_counts_for_nothing() -> None:
    assert roles("system", None, None) == spelled("sua")
    assert roles("user", "system", None) == spelled("usa")
    assert roles("system", None, "system", "user") == spelled("sasu")


def test_roles_before_the_first_known_turn_alternate_backwards() -> None:
    assert roles(None, "assistant") == spelled("ua")
    assert roles(None, None, "assistant") == spelled("aua")
    assert roles(None, "user") == spelled("au")
    assert roles(None, None, "tool") == spelled("uat")


def test_two_named_speakers_are_user_and_assistant() -> None:
    assert roles("Ada", "Grace", "Ada", "Grace") == spelled("uaua")


def test_a_speaker_of_consecutive_turns_keeps_the_role() -> None:
    assert roles("Ada", "Ada", "Grace", "Ada") == spelled("uuau")
    assert roles("Ada", "Ada", "assistant") == spelled("uua")


def test_roles_are_decided_for_each_conversation_alone() -> None:
    batch = make_batch(
        [Turn("Hi", "user"), Turn("Ho", "assistant")], [Turn("Hi"), Turn("Ho")], [Turn("Hi")]
    )

    told = with_roles(flattened(batch["conversation"]))["role"].to_pylist()

    assert told == spelled("uauau")
