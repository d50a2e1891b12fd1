"""Logs of programs that evaluate models: what a model was asked, what it answered, and its score.

The expected answer isn't the model's, so it becomes a label and never a turn.

- UKGovernmentBEIS/inspect_ai, src/inspect_ai/log/_log.py (`EvalSample`)
- promptfoo/promptfoo, src/types/index.ts (`EvaluateResult`)
- EleutherAI/lm-evaluation-harness, lm_eval/loggers/evaluation_tracker.py: samples, of which those
  that a model only ranked (`loglikelihood`) hold no answer
- openai/evals, evals/record.py: events of the type `sampling`
"""

from typing import Any, Final

from chatlake_client import jsontext
from chatlake_client.conversation import Conversation, Turn
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.agents import agent_of
from chatlake_client.shapes.fields import Fields, json_text
from chatlake_client.shapes.labels import labels_of
from chatlake_client.shapes.messages import turns_of, turns_of_list
from chatlake_client.shapes.times import time_text
from chatlake_client.shapes.transcripts import turns_of_question

EVENT_KEYS: Final = frozenset({"run_id", "event_id", "sample_id", "type", "data"})
SAMPLING: Final = "sampling"


def is_evaluation(row: Json) -> bool:
    """Tell whether a row is a sample, a result or an event of an evaluation."""
    return _is_inspect(row) or _is_promptfoo(row) or _is_harness(row) or _is_of_evals(row)


def _is_inspect(row: Json) -> bool:
    return "epoch" in row and isinstance(row.get("messages"), list) and "target" in row


def _is_promptfoo(row: Json) -> bool:
    prompt = row.get("prompt")
    return isinstance(prompt, dict) and "raw" in prompt and "response" in row


def _is_harness(row: Json) -> bool:
    return "doc_id" in row and isinstance(row.get("resps"), list) and "arguments" in row


def _is_of_evals(row: Json) -> bool:
    return row.keys() >= EVENT_KEYS or row.keys() in ({"spec"}, {"final_report"})


def read_evaluation(row: Fields) -> Conversation | None:
    """Return the conversation; None for a header, a score and an event of another kind."""
    stated = {key: row.peek(key) for key in row.keys()}  # noqa: SIM118  # no dict
    if _is_inspect(stated):
        return _inspect(row)
    if _is_promptfoo(stated):
        return _promptfoo(row)
    return _harness(row) if _is_harness(stated) else _of_evals(row)


def _inspect(row: Fields) -> Conversation:
    turns = turns_of(row, "messages")
    # Both repeat the messages.
    row.leave("input", "output", "choices", "attachments")
    scores = {
        f"score.{name}": text
        for name, score in row.members("scores").items()
        if (text := _text(score.take("value")))
    }
    return Conversation(
        turns,
        agent_id=agent_of(turns, row.nested("output"), "model"),
        labels={**labels_of(row, "target"), **scores},
    )


def _promptfoo(row: Fields) -> Conversation:
    asked = row.nested("prompt").text("raw") or ""
    turns = turns_of_prompt(row, asked)
    response = row.nested("response")
    if response.peek("error") and not response.peek("output"):
        raise RowError("a request that failed")
    row.leave("error", "gradingResult")
    turns.append(Turn("assistant", json_text(response.take("output"))))
    provider = row.nested("provider") if isinstance(row.peek("provider"), dict) else row
    return Conversation(
        turns,
        agent_id=provider.label("id", "provider"),
        labels=labels_of(row, "success", "score"),
    )


def turns_of_prompt(row: Fields, text: str) -> list[Turn]:
    """Return the turns of a prompt, which may be a list of messages as JSON."""
    if text.lstrip().startswith("["):
        try:
            messages: Any = jsontext.parse_row(text)
        except ValueError:
            messages = None
        if isinstance(messages, list) and all(isinstance(one, dict) for one in messages):
            return turns_of_list(row, messages, "prompt")
    return turns_of_question(text)


def _harness(row: Fields) -> Conversation:
    answers = row.items("resps")
    arguments: Any = row.take("arguments")
    asked = _first(arguments)
    answer: Any = answers[0] if answers else None
    while isinstance(answer, list) and len(answer) == 1:
        (answer,) = answer
    if not (isinstance(asked, str) and isinstance(answer, str)):
        raise RowError("arguments and resps hold no text that a model wrote")
    row.leave("doc", "filtered_resps")
    turns = [*turns_of_prompt(row, asked), Turn("assistant", answer)]
    return Conversation(turns, labels=labels_of(row, "target", "exact_match", "acc"))


def _first(arguments: Any) -> object:
    """Return the prompt among the arguments of requests, in older and newer forms."""
    requests = [*arguments.values()] if isinstance(arguments, dict) else arguments
    first = requests[0] if isinstance(requests, list) and requests else None
    if isinstance(first, list):
        return first[0] if first else None
    return first.get("arg_0") if isinstance(first, dict) else None


def _of_evals(row: Fields) -> Conversation | None:
    if row.peek("type") != SAMPLING:
        return None
    data = row.nested("data")
    prompt, sampled = data.peek("prompt"), data.peek("sampled")
    answers: list[Any] = sampled if isinstance(sampled, list) else [sampled]
    if not all(isinstance(answer, str) for answer in answers) or not answers:
        raise RowError("data.sampled must hold texts")
    data.take("sampled")
    if isinstance(prompt, str):
        data.take("prompt")
        turns = turns_of_question(prompt)
    else:
        turns = turns_of(data, "prompt")
    first, *others = (Turn("assistant", answer) for answer in answers)
    first.alternatives = [[other] for other in others]
    return Conversation(
        [*turns, first],
        agent_id=data.label("model"),
        created_at=time_text(row.take("created_at")),
    )


def _text(value: object) -> str | None:
    return None if value is None else json_text(value)
