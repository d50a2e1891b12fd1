"""Instructions with an answer, and dialogues that are lists of texts.

- Alpaca: tatsu-lab/stanford_alpaca; with `system` and `history`: hiyouga/LLaMA-Factory,
  data/README.md; with `response`: teknium1/GPTeacher
- Dolly: databrickslabs/dolly, training/trainer.py
- `question` and `answer`: openai/grade-school-math; `prompt` or `query` with `response`: many sets
- `problem` with `solution` or `generated_solution`: nvidia's and other sets of mathematics;
  `inputs` and `targets`: google-research/FLAN; `input_text` and `output_text`: tuning of PaLM
- UltraChat: thunlp/UltraChat, README.md; LIMA: GAIR/lima, its card
"""

from chatlake_client.conversation import Conversation, Turn
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.messages import turns_of_list
from chatlake_client.shapes.rows import conversation_of, rate_by_label, rate_by_word
from chatlake_client.shapes.transcripts import is_open, turns_of_question

ASKED_KEYS = (
    *("instruction", "question", "query", "prompt", "problem", "input", "inputs", "input_text"),
    *("user_input", "user_prompt", "user_message", "user_query", "human"),
    *("message_1", "user"),
)
ANSWER_KEYS = (
    *("output", "response", "answer", "completion", "solution", "generated_solution"),
    *("target", "targets", "output_text", "model_output", "model_response", "bot_response"),
    *("assistant_response", "assistant", "generated_text", "llm_response"),
    *("message_2", "bot", "actual_output", "model_answer", "prediction"),
)
GIVEN_KEYS = ("input", "context")
ROLES = ("user", "assistant")


def is_instruction(row: Json) -> bool:
    """Tell whether a row is an instruction, or a question as a text with an answer."""
    return "instruction" in row or (
        any(isinstance(row.get(key), str) for key in ASKED_KEYS)
        and any(isinstance(row.get(key), str) for key in ANSWER_KEYS)
    )


def read_instruction(row: Fields) -> Conversation:
    """Return the turns before, the instruction with what was given for it, and the answer."""
    turns = turns_before(row)
    asked = row.text(next((key for key in ASKED_KEYS if key in row), "instruction"))
    given = _given(row)
    if asked is None or not all(isinstance(text, str) for text in given):
        raise RowError("what is asked, input and context must be texts")
    turns += turns_of_question("\n\n".join([asked, *map(str, given)]))
    answer_key = next((key for key in ANSWER_KEYS if key in row), None)
    if answer_key is None:
        raise RowError(f"no answer: neither {' nor '.join(ANSWER_KEYS)}")
    answer = row.text(answer_key)
    if answer is None:
        raise RowError(f"{answer_key} must be a text")
    turns.append(Turn("assistant", answer.removeprefix(" ") if is_open(asked) else answer))
    rate_by_label(row, turns)
    rate_by_word(row, turns[-1])
    return conversation_of(row, turns)


def _given(row: Fields) -> list[object]:
    if row.flag("done"):
        # Ollama's context is the model's state, in numbers.
        row.take("context")
    values = [row.take(key) for key in GIVEN_KEYS]
    return [value for value in values if value is not None and value != ""]


def turns_before(row: Fields) -> list[Turn]:
    """Take `history`: pairs of texts, or messages.

    Raises:
        RowError: It holds anything else.
    """
    before = row.items("history")
    if before and all(isinstance(message, dict) for message in before):
        return turns_of_list(row, before, "history")
    turns: list[Turn] = []
    for pair in before:
        if not isinstance(pair, list):
            raise RowError("history must hold pairs of texts, or messages")
        for role, text in zip(ROLES, pair, strict=False):
            if isinstance(text, str):
                turns.append(Turn(role, text))
    return turns


def is_ultrachat(row: Json) -> bool:
    """Tell whether a row is a dialogue of UltraChat or LIMA."""
    if isinstance(row.get("data"), list):
        return "id" in row and _are_texts(row["data"])
    return _are_texts(row.get("conversations"))


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, str) for each in value)


def read_ultrachat(row: Fields) -> Conversation:
    """Return the dialogue: the texts take turns, and the user has the first.

    Its id is left out: it counts from 0 in every file of the set.
    """
    texts = row.items("data", "conversations")
    turns = [Turn(ROLES[place % 2], str(text)) for place, text in enumerate(texts)]
    return conversation_of(row, turns)
