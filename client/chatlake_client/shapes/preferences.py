"""Pairs of a better and a worse answer.

- `prompt`, `chosen`, `rejected` as texts or lists of messages: huggingface/trl,
  docs/source/dataset_formats.md
- `conversations` with `chosen` and `rejected` messages, `instruction` or `question` for the prompt:
  hiyouga/LLaMA-Factory, data/README.md; Intel/orca_dpo_pairs
- transcripts: anthropics/hh-rlhf
- `input`, `preferred_output`, `non_preferred_output`: OpenAI's preference files
- `prompt`, `completion` as lists of messages, `label`: TRL's unpaired preferences
- `history`, `human_ref_A`, `human_ref_B`, `labels`: the card of stanfordnlp/SHP; 1 prefers A
"""

from typing import Final

from chatlake_client.conversation import Conversation, Preference, Turn
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.instructions import turns_before
from chatlake_client.shapes.listed import message_lists
from chatlake_client.shapes.meaning import Level, states_something
from chatlake_client.shapes.message import turns_of_message
from chatlake_client.shapes.messages import TURN_LISTS, turns_of
from chatlake_client.shapes.rows import conversation_of, rate_by_label, tools_of
from chatlake_client.shapes.thoughts import ANSWERING
from chatlake_client.shapes.times import time_text
from chatlake_client.shapes.transcripts import (
    begins_as_transcript,
    is_open,
    turns_of_question,
    turns_of_transcript,
)

PROMPT_KEYS: Final = ("prompt", "question", "instruction", "query")
PAIRS: Final = (
    *(("chosen", "rejected"), ("response_j", "response_k"), ("better", "worse")),
    *(("chosen_response", "rejected_response"), ("preferred", "dispreferred")),
    *(("better_response", "worse_response"), ("accepted", "rejected")),
)
"""Keys of the better and the worse answer."""
OUTPUT_KEYS: Final = ("preferred_output", "non_preferred_output")


def compared(better: list[Turn], worse: list[Turn]) -> list[Turn]:
    """Return the better turns; from where they differ, the worse ones are an alternative.

    Raises:
        RowError: One goes on where the other ends, or they are equal.
    """
    for place, (turn, other) in enumerate(zip(better, worse, strict=False)):
        if _said(turn) != _said(other):
            turn.alternatives.append(worse[place:])
            return better
    if len(better) < len(worse):
        raise RowError("the rejected answer goes on where the chosen one ends")
    # Nothing of the worse turns is missing among the better ones.
    return better


def _said(turn: Turn) -> tuple[object, ...]:
    return turn.role, turn.content, turn.reasoning, turn.tool_calls


def is_pair(row: Json) -> bool:
    """Tell whether a row is a pair."""
    return _keys_of(row) is not None


def _keys_of(row: Json) -> tuple[str, str] | None:
    """Return the keys of the better and the worse answer; TRL's may lack the worse one."""
    for better, worse in PAIRS:
        is_stated = states_something(better, row.get(better))
        if is_stated and not isinstance(row[better], int) and (better == "chosen" or worse in row):
            return better, worse
    return None


def read_pair(row: Fields) -> Conversation:
    """Return the conversation with the better answer."""
    row = _as_pair(row)
    chosen = row.peek("chosen")
    is_waiting = any(is_open(text) for key in PROMPT_KEYS if isinstance(text := row.peek(key), str))
    asked = _asked(row)
    better = [*asked, *_answered(row, "chosen")]
    if len(better) < 2:  # noqa: PLR2004  # a question and an answer
        raise RowError("there is no question; chosen names no speaker")
    preference = None
    worse = [*asked, *_answered(row, "rejected")] if "rejected" in row else None
    if is_waiting:
        for turn in {id(turns[-1]): turns[-1] for turns in (better, worse or better)}.values():
            turn.content = (turn.content or "").removeprefix(" ")
    if worse is not None:
        compared(better, worse)
        preference = Preference() if any(turn.alternatives for turn in better) else None
    own_id = row.label("prompt_id")
    _take_repeated(row, chosen, better)
    conversation = conversation_of(row, better)
    conversation.ingest_id = conversation.ingest_id or own_id
    conversation.preference = preference
    return conversation


def _as_pair(row: Fields) -> Fields:
    """Return a pair with `chosen` and `rejected`, whatever the data set calls them."""
    keys = _keys_of({key: row.peek(key) for pair in PAIRS for key in pair if row.has(key)})
    if keys is None or keys == PAIRS[0]:
        return row
    better, worse = keys
    pair = {"chosen": row.take(better), "rejected": row.take(worse)}
    return row.losses.open({**row.rest(), **pair}, level=Level.ROW)


def _take_repeated(row: Fields, chosen: object, better: list[Turn]) -> None:
    """Take what states the chosen conversation, or its beginning, once more."""
    for key in ("messages", "prompt"):
        value = row.peek(key)
        if isinstance(value, list) and isinstance(chosen, list) and chosen[: len(value)] == value:
            row.take(key)
    said = {turn.content for turn in better}
    for key in TURN_LISTS:
        if key in row and all(turn.content in said for turn in turns_of(row.copy(), key)):
            row.take(key)


def _asked(row: Fields) -> list[Turn]:
    """Return the turns of the question; none where the answers begin with it."""
    if _holds_question(row.peek("chosen")):
        return []
    for key in TURN_LISTS:
        if key in row:
            return turns_of(row, key)
    prompt_key = next((key for key in PROMPT_KEYS if key in row), "")
    if not prompt_key:
        stated = {key: row.peek(key) for key in row.keys() if key not in PAIRS[0]}  # noqa: SIM118  # no dict
        prompt_key = next(iter(message_lists(stated)), "")
    if isinstance(row.peek(prompt_key), list):
        return turns_of(row, prompt_key)
    before = turns_before(row)
    text, given = row.text(prompt_key), row.label("input")
    if text is not None and given:
        text = f"{text}\n\n{given}"
    return before if text is None else [*before, *turns_of_question(text)]


def _holds_question(answer: object) -> bool:
    if isinstance(answer, str):
        return begins_as_transcript(answer)
    first = answer[0] if isinstance(answer, list) and answer else None
    speaker = (first.get("role") or first.get("from")) if isinstance(first, dict) else None
    return isinstance(speaker, str) and speaker not in ANSWERING


def _answered(row: Fields, key: str) -> list[Turn]:
    value = row.peek(key)
    if isinstance(value, str):
        row.take(key)
        return turns_of_transcript(value) or [Turn("assistant", value)]
    if isinstance(value, dict):
        return turns_of_message(row.nested(key, level=Level.TURN))
    return turns_of(row, key)


def is_openai_pair(row: Json) -> bool:
    """Tell whether a row is a pair of OpenAI's preference files."""
    return "preferred_output" in row and isinstance(row.get("input"), dict)


def read_openai_pair(row: Fields) -> Conversation:
    """Return the conversation with the preferred output."""
    asked = row.nested("input", level=Level.ROW)
    turns = turns_of(asked, "messages")
    better, worse = (turns_of(row, key) if key in row else [] for key in OUTPUT_KEYS)
    if not better or not worse:
        raise RowError("no outputs")
    conversation = conversation_of(row, compared([*turns, *better], [*turns, *worse]))
    conversation.tools = tools_of(asked)
    conversation.preference = Preference()
    return conversation


def is_rated_completion(row: Json) -> bool:
    """Tell whether a row is a prompt with a completion, not both texts, as TRL's KTO reads it.

    Two texts are an instruction with its answer, beside which a context or a history may stand.
    """
    sides = ("prompt", "completion")
    return all(key in row for key in sides) and not all(isinstance(row[key], str) for key in sides)


def read_rated_completion(row: Fields) -> Conversation:
    """Return the conversation of a prompt and its completion."""
    turns = [*_texts(row, "prompt", "user"), *_texts(row, "completion", "assistant")]
    rate_by_label(row, turns)
    return conversation_of(row, turns)


def _texts(row: Fields, key: str, role: str) -> list[Turn]:
    text = row.text(key)
    return turns_of(row, key) if text is None else [Turn(role, text)]


def is_shp(row: Json) -> bool:
    """Tell whether a row is of the Stanford Human Preferences set."""
    return "human_ref_A" in row and "human_ref_B" in row


def read_shp(row: Fields) -> Conversation:
    """Return the question with the answer that more people liked; both are people's."""
    sides = [
        [
            Turn("user", row.text("history") if side == "A" else None),
            Turn(
                "assistant",
                row.text(f"human_ref_{side}"),
                created_at=time_text(row.take(f"created_at_utc_{side}")),
            ),
        ]
        for side in ("A", "B")
    ]
    if str(row.take("labels")) == "0":
        sides.reverse()
    question, _ = sorted((side[0] for side in sides), key=lambda turn: turn.content is None)
    answer, other = sides[0][1], sides[1][1]
    if answer.content is None or other.content is None:
        raise RowError("human_ref_A and human_ref_B must be texts")
    answer.alternatives = [[other]]
    conversation = conversation_of(row, [question, answer])
    conversation.preference = Preference()
    return conversation
