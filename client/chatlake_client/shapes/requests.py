"""Requests to the APIs of models, with or without their responses.

A log's line has `request` and `response`, or other names for the two; a line of a batch file has
`body`, or `response` with a `body`. A file may also hold answers alone.

Sources: openai/openai-python, src/openai/types/batch*.py; anthropics/anthropic-sdk-python,
src/anthropic/types; Helicone/helicone, packages/llm-mapper; langchain-ai/langsmith-sdk,
python/langsmith/schemas.py; Bedrock's documentation of invocation logs.
"""

from http import HTTPStatus
from typing import Any, TypeGuard

from chatlake_client.conversation import Conversation, Turn
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.agents import agent_of
from chatlake_client.shapes.answers import PARAMETERS, choices_of, read_answer
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.labels import labels_of
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.messages import turns_of, turns_of_list
from chatlake_client.shapes.parts import turns_of_parts
from chatlake_client.shapes.responses import turns_of_items
from chatlake_client.shapes.rows import add_system, tools_of
from chatlake_client.shapes.thoughts import split_thoughts
from chatlake_client.shapes.times import time_text
from chatlake_client.shapes.vocabulary import MODEL_KEYS, role_of_word, speaks, unwrapped

PROMPT_KEYS = frozenset({"messages", "input", "prompt", "message"})
ASKED_KEYS = (
    *("request_body", "request_data", "inputs", "input", "modelInput", "prompt"),
    *("prompt_messages", "input_messages", "$ai_input"),
)
"""How logs call what was asked, other than `request`: Helicone, LangSmith, Bedrock and others."""
ANSWERED_KEYS = (
    *("response_body", "response_data", "outputs", "output", "modelOutput", "response", "sampled"),
    *("completion_message", "output_messages", "response_message", "$ai_output_choices"),
)
"""How logs call what was answered."""
_ANSWERED = frozenset(ANSWERED_KEYS)
MODEL_HOLDERS = ("metadata", "meta", "attributes", "extra")
TIME_KEYS = (
    *("timestamp", "request_created_at", "start_time", "startTime", "started_at", "created_at"),
    *("created", "start_ms", "start_time_unix_nano"),
)
ANSWERS = ("chat.completion", "text_completion", "response")
"""What OpenAI's answers say that they are."""
CONVERSING = ("/completions", "/responses", "/messages")
"""The ends of the addresses to which conversations are sent."""


def is_request(row: Json) -> bool:
    """Tell whether a row is a line of a log or of a batch file."""
    if is_answer(row) or _names_of(row):
        return True
    request, body, response = row.get("request"), row.get("body"), row.get("response")
    if isinstance(body, dict) and ("custom_id" in row or "url" in row):
        return True
    if "custom_id" in row and ("response" in row or "result" in row):
        return True
    if "custom_id" in row and isinstance(row.get("params"), dict):
        return True
    return _is_text_of_request(request) or (
        isinstance(request, dict)
        and (bool(PROMPT_KEYS & request.keys()) or isinstance(request.get("body"), dict))
        and (response is None or isinstance(response, dict | str))
    )


def _is_text_of_request(request: object) -> bool:
    """Tell whether a value is a request as JSON in a text, as tables of logs have it."""
    return isinstance(request, str) and request.startswith("{") and '"messages"' in request


def is_answer(row: Json) -> bool:
    """Tell whether a row is itself the answer of a model, without what was asked."""
    return (row.get("object") in ANSWERS and bool({"choices", "output"} & row.keys())) or (
        row.get("type") == "message"
        and "stop_reason" in row
        and isinstance(row.get("content"), list)
    )


def _names_of(row: Json) -> tuple[str, str] | None:
    """Return the keys under which a log has what was asked and what was answered."""
    if _ANSWERED.isdisjoint(row):
        return None
    asked = next((key for key in ASKED_KEYS if _is_asked(row.get(key))), None)
    if asked is None and _are_waiting(row.get("messages")):
        asked = "messages"
    answered = next((key for key in ANSWERED_KEYS if key in row and key != asked), None)
    return (asked, answered) if asked and answered else None


def _are_waiting(messages: object) -> bool:
    """Tell whether a value is a list of messages of which the last one is no answer."""
    if not (isinstance(messages, list) and messages and _is_asked(messages)):
        return False
    role = unwrapped(messages[-1]).get("role")
    return role_of_word(role) in {"user", "tool"}


def _is_asked(value: object) -> bool:
    """Tell whether a value is a request, or the messages of one."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(one, dict) and speaks(one) for one in value)
    inner = value.get("inputBodyJson", value) if isinstance(value, dict) else None
    return isinstance(inner, dict) and any(
        isinstance(inner.get(key), str | list) for key in PROMPT_KEYS
    )


def _as_pair(row: Fields) -> Fields:
    """Return a line of a log with `request` and `response`, whatever the log calls them."""
    values = {key: row.peek(key) for key in row.keys()}  # noqa: SIM118  # no dict
    if is_answer(values):
        for key in values:
            row.take(key)
        return row.losses.open({"response": values}, level=Level.ROW)
    names = _names_of({**values, **dict.fromkeys(filter(row.has, ANSWERED_KEYS)), **values})
    if names is None:
        return row
    asked, answered = (row.take(name) for name in names)
    if isinstance(asked, list):
        asked = {"messages": asked}
    elif isinstance(asked, dict) and isinstance(asked.get("inputBodyJson"), dict):
        asked = asked["inputBodyJson"]
    if isinstance(answered, dict) and isinstance(answered.get("outputBodyJson"), dict):
        answered = answered["outputBodyJson"]
    if row.has("version") and _are_texts(answered):
        # Replicate gives the pieces of an answer.
        answered = "".join(answered)
    pair = {"request": asked, "response": answered, "model": _model(row)}
    pair["ingest_id"] = row.label("request_id", "requestId", "id")
    pair["timestamp"] = row.take(*TIME_KEYS)
    pair["system"] = row.take("system_prompt", "system")
    row.leave(*PARAMETERS)
    return row.losses.open(pair, level=Level.ROW)


def _are_texts(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _model(row: Fields) -> str | None:
    """Take the model that a line of a log names."""
    if model := row.label("modelId", "generator", "$ai_model", *MODEL_KEYS):
        return model
    for key in MODEL_HOLDERS:
        holder = row.peek(key)
        if isinstance(holder, dict) and any(isinstance(holder.get(k), str) for k in MODEL_KEYS):
            return row.nested(key).label(*MODEL_KEYS)
    return None


def read_request(row: Fields) -> Conversation:
    """Return the conversation of a request and its response; each may be missing."""
    row = _as_pair(row)
    request = row.nested("request", "body", "params", level=Level.ROW)
    if isinstance(request.peek("body"), dict):
        # A gateway's record of HTTP.
        request = request.nested("body", level=Level.ROW)
    url = row.text("url")
    if url and not url.endswith(CONVERSING):
        raise RowError(f"a request to {url} holds no conversation")
    answer = _answer_of(row)
    turns = turns_of_request(request)
    answers, _, id_, created_at = read_answer(answer)
    answers = answers or _stated_answers(row)
    if not answers and answer.keys() and "error" not in answer:
        row.lose("response of an unknown form")
    if answers:
        answers[0][0].alternatives += answers[1:]
        turns += answers[0]
    add_system(row, turns)
    if not turns:
        raise RowError("a request that failed, or holds no conversation")
    return Conversation(
        turns,
        agent_id=agent_of(turns, request, "model") or row.label("model"),
        ingest_id=row.label("custom_id", "ingest_id") or id_,
        created_at=created_at or time_text(row.take("timestamp", "created_at")),
        source=row.label("source"),
        tools=tools_of(request),
        labels=labels_of(request, "temperature", "top_p"),
    )


def _stated_answers(row: Fields) -> list[list[Turn]]:
    """Take a response that is a text, or a list of answers."""
    if text := row.text("response"):
        turn = Turn("assistant", text)
        split_thoughts(turn)
        return [[turn]]
    answers = list(filter(None, choices_of(row.items("response"), row)))
    for turns in answers:
        turns[-1].role = turns[-1].role or "assistant"
    return answers


def _answer_of(row: Fields) -> Fields:
    """Return the answer of a line; one that says that the request failed holds none."""
    result = row.nested("result", level=Level.ROW)
    if "message" in result:
        return result.nested("message", level=Level.ROW)
    if isinstance(result.peek("completions"), list):
        return result
    response = row.nested("response", level=Level.ROW)
    status = response.peek("status_code")
    if isinstance(status, int) and status >= HTTPStatus.BAD_REQUEST:
        raise RowError(f"status {status}")
    return response.nested("body", level=Level.ROW) if "body" in response else response


def turns_of_request(request: Fields) -> list[Turn]:
    """Return the turns of what was asked, with the instructions before them."""
    turns = _turns_of_messages(request) if "messages" in request else _turns_of_input(request)
    for key in ("system", "instructions", "preamble", "system_prompt"):
        system = request.text(key)
        if system is None and isinstance(request.peek(key), list):
            parts = turns_of_parts(request.objects(key), "system", "\n")
            system = parts[0].content if parts else None
        if system:
            turns.insert(0, Turn("system", system))
    request.leave(*PARAMETERS)
    return turns


def _turns_of_messages(request: Fields) -> list[Turn]:
    messages = request.peek("messages")
    if isinstance(messages, list) and len(messages) == 1 and isinstance(messages[0], list):
        # LangChain asks several conversations at once, which is one in practice.
        request.take("messages")
        return turns_of_list(request, messages[0], "messages")
    return turns_of(request, "messages")


def _turns_of_input(request: Fields) -> list[Turn]:
    if (text := request.text("input", "prompt")) is not None:
        return [Turn("user", text)]
    if (text := request.text("message")) is not None:
        # Cohere's first API.
        before = request.items("chat_history")
        return [*turns_of_list(request, before, "chat_history"), Turn("user", text)]
    return turns_of_items(request.objects("input", level=Level.TURN), "assistant", "")
