"""Questions with several answers that people or models ranked or scored."""

import json
from pathlib import Path
from typing import Any

import pytest

from chatlake_client.conversation import Preference
from chatlake_client.errors import RowError
from tests.client.reading import conversation_of, found_of, read_all, texts

TALK = [("user", "Which tea?"), ("assistant", "Green.")]
TEXTS = ["Black.", "Green.", "None."]


def check(row: Any, *others: str, preferred: str = "main", kind: str = "ranking") -> None:
    conversation, losses = found_of(row)
    assert texts(conversation.turns) == TALK
    paths = sorted(conversation.turns[-1].alternatives, key=lambda path: path[0].rank or 0)
    assert [texts(path) for path in paths] == [[("assistant", other)] for other in others]
    assert conversation.preference == Preference(kind, preferred)
    assert losses.count(tuple)[1] == []


def test_the_best_completion_of_ultrafeedback_is_the_answer() -> None:
    def completion(text: str, fine: float, overall: float) -> dict[str, Any]:
        return {
            "annotations": {"honesty": {"Rating": "4", "Rationale": "Fair"}},
            "critique": "Could say why.",
            "fine-grained_score": fine,
            "model": f"model {text}",
            "overall_score": overall,
            "response": text,
        }

    scores = [(3.5, 10.0), (4.75, 8.5), (1.0, 1.0)]
    row = {
        "source": "invented",
        "instruction": "Which tea?",
        "models": [f"model {text}" for text in TEXTS],
        "completions": [completion(text, *two) for text, two in zip(TEXTS, scores, strict=True)],
        "correct_answers": ["None"],
    }
    check(row, "Black.", "None.")
    conversation = conversation_of(row)
    assert (conversation.source, conversation.agent_id) == ("invented", "model Green.")
    assert conversation.turns[1].alternatives[0][0].model == "model Black."


def test_an_answer_under_a_system_prompt_of_its_own_keeps_it() -> None:
    answers = [
        {"response": text, "overall_score": score, "custom_system_prompt": f"Say {text}"}
        for text, score in (("Black.", 2), ("Green.", 3))
    ]
    conversation = conversation_of({"instruction": "Which tea?", "completions": answers})
    assert texts(conversation.turns) == [("system", "Say Green."), *TALK]
    (other,) = conversation.turns[0].alternatives
    assert texts(other) == [("system", "Say Black."), TALK[0], ("assistant", "Black.")]


def test_the_mean_of_ratings_is_a_score() -> None:
    answers = [
        {"response": text, "annotations": {"a": {"Rating": a}, "b": {"Rating": b}}}
        for text, a, b in (("Black.", "3", "3"), ("Green.", "5", "2"))
    ]
    check({"instruction": "Which tea?", "completions": answers}, "Black.", kind="pair")


def test_the_first_rank_is_the_best() -> None:
    answers = [
        {"answer": f" {text}", "model": "m", "rank": rank}
        for text, rank in zip(TEXTS, (3.0, 1.0, 2.0), strict=True)
    ]
    row = {
        "prompt": "\n\nHuman: Which tea?\n\nAssistant: ",
        "answers": answers,
        "turns": 1,
        "num_responses": 3,
        "source": ["invented"],
        "good_natured": True,
    }
    check(row, "None.", "Black.")


@pytest.mark.parametrize(
    "verdicts", [{"scores": [0.5, 2, -1]}, {"ratings": ["3", "4", "1"]}, {"ranks": [2, 1, 3]}]
)
def test_answers_and_scores_may_be_lists_side_by_side(verdicts: dict[str, Any]) -> None:
    check({"query": "Which tea?", "responses": TEXTS, **verdicts}, "Black.", "None.")


def test_equal_scores_are_a_tie_of_the_first() -> None:
    row = {"prompt": "Which tea?", "responses": ["Green.", "Black."], "scores": [1, 1]}
    check(row, "Black.", preferred="tie", kind="pair")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"answers": [{"answer": "a", "rank": 1}, {"answer": "b"}]}, "neither a rank nor a score"),
        ({"answers": [{"rank": 1}]}, r"answers\[0\] has no text"),
        ({"answers": ["a", "b"], "scores": [1]}, "a number for each of answers"),
        ({"answers": ["a", "b"], "scores": [1, None]}, "a number for each of answers"),
    ],
)
def test_answers_of_which_the_best_cannot_be_told_are_refused(row: Any, reason: str) -> None:
    with pytest.raises(RowError, match=reason):
        conversation_of({"prompt": "q", **row})


@pytest.mark.parametrize("models", [[{}], [["x"]], "x", [None, "m"], 3])
def test_models_beside_the_answers_may_be_anything(models: Any) -> None:
    answers = [{"answer": "Green.", "rank": 1}, {"answer": "Black.", "rank": 2}]
    check({"prompt": "Which tea?", "answers": answers, "models": models}, "Black.", kind="pair")
    row = {"prompt": "Which tea?", "answers": ["Green.", "Black."], "scores": [2, 1]}
    check({**row, "models": models}, "Black.", kind="pair")


def kaggle(**more: Any) -> dict[str, Any]:
    row = {
        "id": "30192",
        "model_a": "m-a",
        "model_b": "m-b",
        "prompt": '["Which tea?", "Why?"]',
        "response_a": '["Black.", null]',
        "response_b": '["Green.", "It is \\u00e9lite."]',
    }
    return {**row, **more}


def test_a_battle_of_kaggle_has_lists_of_texts_in_cells(tmp_path: Path) -> None:
    row = kaggle(winner_model_a="0", winner_model_b="1", winner_tie="0")
    path = tmp_path / "train.csv"
    cells = ['"' + str(value).replace('"', '""') + '"' for value in row.values()]
    path.write_text(f"{','.join(row)}\n{','.join(cells)}\n", encoding="utf-8")
    (conversation,), rejected, _ = read_all(path)
    assert rejected == []
    assert texts(conversation.turns) == [*TALK, ("user", "Why?"), ("assistant", "It is élite.")]
    (other,) = conversation.turns[1].alternatives
    assert texts(other) == [("assistant", "Black."), ("user", "Why?"), ("assistant", "")]
    assert (conversation.agent_id, conversation.ingest_id) == ("m-b", "30192")
    assert conversation.preference == Preference()


def test_a_battle_of_plain_texts_names_its_winner() -> None:
    plain = {"prompt": "Which tea?", "response_a": "Green.", "response_b": "Black."}
    check(kaggle(**plain, winner="model_a"), "Black.", kind="pair")
    ties = {"winner_model_a": 0, "winner_model_b": 0, "winner_tie": 1}
    check(kaggle(**plain, **ties), "Black.", preferred="tie", kind="pair")


def test_a_battle_of_texts_without_a_verdict_is_refused() -> None:
    with pytest.raises(RowError, match="nothing tells which answer is better"):
        conversation_of(kaggle())
    with pytest.raises(RowError, match="as many texts as prompt"):
        conversation_of(kaggle(response_a=json.dumps(["a"]), winner="tie"))


def test_a_vote_for_neither_side_is_refused() -> None:
    with pytest.raises(RowError, match="winner must be model_a, model_b or a tie, not 'model_c'"):
        conversation_of(kaggle(winner="model_c"))


@pytest.mark.parametrize(("number", "preferred"), [(1, "main"), (1.03, "main"), (1.5, "tie")])
def test_a_preference_of_alpaca_eval_lies_between_its_outputs(
    number: float, preferred: str
) -> None:
    row = {"instruction": "Which tea?", "output_1": "Green.", "output_2": "Black."}
    check({**row, "preference": number}, "Black.", preferred=preferred, kind="pair")
    turned = {"instruction": "Which tea?", "output_2": "Green.", "output_1": "Black."}
    check({**turned, "preference": 2}, "Black.", kind="pair")


def prism(*chosen: str) -> dict[str, Any]:
    answers = [
        {
            "turn": 0,
            "role": "model",
            "content": text,
            "model_name": f"model {text}",
            "score": 50,
            "if_chosen": text in chosen,
        }
        for text in TEXTS
    ]
    asked = {"turn": 0, "role": "user", "content": "Which tea?"}
    thanks = {"turn": 1, "role": "user", "content": "Thanks"}
    return {
        "conversation_id": "c1",
        "user_id": "user1",
        "conversation_type": "unguided",
        "conversation_history": [asked, *answers, thanks],
    }


def test_the_chosen_answers_of_prism_are_the_conversation() -> None:
    conversation, losses = found_of(prism("Green."))
    assert texts(conversation.turns) == [*TALK, ("user", "Thanks")]
    others = conversation.turns[1].alternatives
    assert [texts(other)[0][1] for other in others] == ["Black.", "None."]
    assert (conversation.turns[1].model, conversation.ingest_id) == ("model Green.", "c1")
    assert conversation.labels == {"conversation_type": "unguided"}
    assert conversation.preference == Preference("ranking")
    assert losses.count(tuple)[1] == []


@pytest.mark.parametrize("chosen", [(), ("Green.", "Black.")])
def test_an_exchange_of_prism_without_one_choice_is_refused(chosen: tuple[str, ...]) -> None:
    with pytest.raises(RowError, match="one must be chosen"):
        conversation_of(prism(*chosen))
