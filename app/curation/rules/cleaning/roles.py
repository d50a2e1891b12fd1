"""Tells the role of every turn: system, user, assistant or tool.

Clients send words of their own for the speaker of a turn, or none. A known word names the role.
Without one, a turn that answers a call is the tool's, and one that makes a call the assistant's.
The role of any other turn follows from its place in the conversation:

- After an assistant's turn the user speaks; after a user's or a tool's, the assistant. Turns of the
  system are passed over.
- Before the first turn with a known word, user and assistant alternate, counted back from it.
- In a conversation without any known word, the user begins.
- Turns in a row with the same unknown word, such as a name, have the same role.

An alternative is a conversation of its own, whose first turn has the role of the turn that it
stands in the place of.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.cleaning.turns import TurnColumns

Role = Literal["system", "user", "assistant", "tool"]

_WORDS: Final[dict[Role, str]] = {
    # OpenAI says developer for system since 2024, and wrote function for tool before.
    "system": "system developer sys system_prompt system_message",
    # OpenAssistant says prompter, ShareGPT human; the GPT4All desktop client labels turns with
    # "Prompt: " and "Response: ".
    "user": "user human prompter prompt question instruction input me customer client end_user "
    "usr user_message",
    "assistant": "assistant gpt bot chatgpt ai model response answer output chatbot agent llm "
    "completion reply machine gpt4all gpt_4 gpt4 chat_gpt bard bing claude gemini llama vicuna "
    "alpaca moss assistant_message ai_message function_call tool_call model_output",
    # ShareGPT with tools says observation, and Llama 3.1 ipython.
    "tool": "tool function observation ipython tool_response tool_result tool_output "
    "function_response function_result environment",
}
_ROLES: Final[dict[str, Role]] = {
    word: role for role, words in _WORDS.items() for word in words.split()
}
_NOT_LETTERS: Final = re.compile(r"[^a-z0-9]+")


def role_of(word: str | None) -> Role | None:
    """Return the role that a client's word for the speaker means; None if it isn't known.

    Only letters and digits count, and not their case: `### Response:` is `response`.
    """
    if word is None:
        return None
    return _ROLES.get(_NOT_LETTERS.sub("_", word.casefold()).strip("_"))


def roles_of(turns: Sequence[Mapping[str, Any]]) -> list[Role]:
    """Return the role of each turn of a conversation, as rows of a stage have them."""
    return roles_by_place([turn["role"] for turn in turns], [_told_role(turn) for turn in turns])


def _told_role(turn: Mapping[str, Any]) -> Role | None:
    """Return the role that a turn tells by itself; None if its place has to tell."""
    if role := role_of(turn["role"]):
        return role
    if turn["tool_call_id"]:
        return "tool"
    return "assistant" if turn["tool_calls"] else None


def with_roles(turns: TurnColumns, replaced: pa.Array | None = None) -> TurnColumns:
    """Return the turns with their roles in the place of the clients' words.

    Args:
        turns: The turns.
        replaced: Of alternatives, the role of the turn that each stands in the place of. Its first
            turn has this role, unless it tells its own. None for conversations.
    """
    roles = _told_roles(turns)
    if replaced is not None:
        is_first = pa.array(np.diff(turns.row, prepend=-1) > 0)
        roles = pc.if_else(is_first, pc.coalesce(roles, replaced.take(pa.array(turns.row))), roles)
    if roles.null_count:
        roles = _completed(turns, roles)
    schema = turns.columns.schema
    place = schema.get_field_index("role")
    return turns.with_columns(turns.columns.set_column(place, schema.field(place), roles))


def _told_roles(turns: TurnColumns) -> pa.Array:
    """Return the role that each turn tells by itself; null where its place has to tell."""
    words = turns["role"].dictionary_encode()
    known = pa.array([role_of(word) for word in words.dictionary.to_pylist()], turns["role"].type)
    roles = known.take(words.indices)
    for name, role in (("tool_call_id", "tool"), ("tool_calls", "assistant")):
        if roles.null_count:
            tells = pc.and_(pc.is_null(roles), pc.is_valid(turns[name]))
            roles = pc.if_else(tells, pa.scalar(role, roles.type), roles)
    return roles


def _completed(turns: TurnColumns, roles: pa.Array) -> pa.Array:
    """Return the roles with those filled in that are null."""
    incomplete = np.unique(turns.row[pc.is_null(roles).to_numpy(zero_copy_only=False)])
    words, told = turns["role"].to_pylist(), roles.to_pylist()
    begins = np.searchsorted(turns.row, incomplete, "left").tolist()
    ends = np.searchsorted(turns.row, incomplete, "right").tolist()
    for begin, end in zip(begins, ends, strict=True):
        told[begin:end] = roles_by_place(words[begin:end], told[begin:end])
    return pa.array(told, roles.type)


def roles_by_place(words: Sequence[str | None], known: Sequence[Role | None]) -> list[Role]:
    """Return the role of each turn of a conversation, by the rules of this module.

    Args:
        words: The client's word for the speaker of each turn; None without one.
        known: The role that each of these words means; None where it isn't known.
    """
    roles: list[Role] = []
    last = _role_before_first_turn(words, known)
    last_word: str | None = None
    for word, role in zip(words, known, strict=True):
        if role is not None:
            roles.append(role)
        elif word is not None and word == last_word:
            roles.append(last)
        else:
            roles.append(_other(last))
        if roles[-1] != "system":
            last, last_word = roles[-1], word
    return roles


def _role_before_first_turn(words: Sequence[str | None], known: Sequence[Role | None]) -> Role:
    """Return the role of an imagined turn before the first one, from which roles are told on."""
    changes = 0
    last_word: str | None = None
    for word, role in zip(words, known, strict=True):
        if role == "system":
            continue
        if word is None or word != last_word:
            changes += 1
        last_word = word
        if role is not None:
            first = role if changes % 2 else _other(role)
            return _other(first)
    return "assistant"


def _other(role: Role) -> Role:
    return "user" if role == "assistant" else "assistant"
