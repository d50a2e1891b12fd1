"""Who speaks, in four words: system, user, assistant and tool.

Clients send their own words, or none. A known word says it all. A turn without a word, or with an
unknown one such as a name, is told by its place:

- it is the other side of the turn before it: after an assistant the user speaks, after a user or a
  tool the assistant. The system's turns count for nothing here;
- where no turn before it tells, it is the other side of the next known turn, counted back;
- where no turn of the conversation is known, the user begins;
- one who speaks twice in a row, under one unknown word, is the same both times.
"""

import re
from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.cleaning.turns import Turns

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
    "alpaca assistant_message ai_message function_call tool_call model_output",
    # ShareGPT with tools says observation, and Llama 3.1 ipython.
    "tool": "tool function observation ipython tool_response tool_result tool_output "
    "function_response function_result environment",
}
_ROLES: Final[dict[str, Role]] = {
    word: role for role, words in _WORDS.items() for word in words.split()
}
_NOT_LETTERS: Final = re.compile(r"[^a-z0-9]+")


def role_of(word: str | None) -> Role | None:
    """Return the role that a client's word means, or None.

    Case and whatever isn't a letter or digit don't matter: `### Response:` is `response`.
    """
    if word is None:
        return None
    return _ROLES.get(_NOT_LETTERS.sub("_", word.casefold()).strip("_"))


def roles_of(words: Sequence[str | None]) -> list[Role]:
    """Return the roles of a conversation's turns, of what the client called each speaker."""
    return roles_by_place(words, [role_of(word) for word in words])


def with_roles(turns: Turns) -> Turns:
    """Return the turns with the role of each."""
    words = turns.role.dictionary_encode()
    known = pa.array([role_of(word) for word in words.dictionary.to_pylist()], turns.role.type)
    roles = known.take(words.indices)
    if roles.null_count:
        roles = _completed(turns, roles)
    return turns.but(role=roles)


def _completed(turns: Turns, roles: pa.Array) -> pa.Array:
    """Tell the roles that are absent, in the conversations that have any."""
    unknown = np.unique(turns.row[pc.is_null(roles).to_numpy(zero_copy_only=False)])
    words, told = turns.role.to_pylist(), roles.to_pylist()
    begins = np.searchsorted(turns.row, unknown, "left").tolist()
    ends = np.searchsorted(turns.row, unknown, "right").tolist()
    for begin, end in zip(begins, ends, strict=True):
        told[begin:end] = roles_by_place(words[begin:end], told[begin:end])
    return pa.array(told, roles.type)


def roles_by_place(words: Sequence[str | None], known: Sequence[Role | None]) -> list[Role]:
    """Return the roles of a conversation's turns, as the rules of this module tell them.

    Args:
        words: What the client called each speaker.
        known: The roles that these words mean, where they are known.
    """
    roles: list[Role] = []
    last = _before_the_first(words, known)
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


def _before_the_first(words: Sequence[str | None], known: Sequence[Role | None]) -> Role:
    """Return who would have spoken before the first turn."""
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
