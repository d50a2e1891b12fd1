"""Logs of LiteLLM and exports of Langfuse: a call of a model a line.

Sources: BerriAI/litellm, docs/my-website/docs/proxy/logging_spec.md; langfuse/langfuse,
worker/src/features/database-read-stream/observation-stream.ts and
packages/shared/src/server/repositories/observations_converters.ts.
"""

from chatlake_client.conversation import Application, Conversation, Turn, last_model
from chatlake_client.records import Json
from chatlake_client.shapes.agents import agent_of
from chatlake_client.shapes.answers import read_answer
from chatlake_client.shapes.fields import Fields, json_text
from chatlake_client.shapes.labels import labels_of, other_labels
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.message import turns_of_message
from chatlake_client.shapes.messages import turns_of_list
from chatlake_client.shapes.requests import turns_of_request
from chatlake_client.shapes.rows import tools_of
from chatlake_client.shapes.times import time_text

MODEL_CALLS = frozenset({"generation", "llm", "chat_model", "chat", "completion"})
"""Words for a call of a model, in small letters: Langfuse's, and those of services like it."""


def is_litellm(row: Json) -> bool:
    """Tell whether a row is a call in LiteLLM's standard logging payload."""
    return "call_type" in row and "messages" in row and "response" in row


def read_litellm(row: Fields) -> Conversation:
    """Return the conversation of a call; one that failed holds the question alone."""
    messages = row.take("messages")
    if isinstance(messages, dict):
        messages = messages.get("messages")
    turns = (
        [Turn("user", messages)]
        if isinstance(messages, str)
        else turns_of_list(row, messages if isinstance(messages, list) else [], "messages")
    )
    response = row.nested("response", level=Level.ROW)
    choices, _, _, created_at = read_answer(response)
    if text := row.text("response"):
        choices = [[Turn("assistant", text)]]
    if choices:
        choices[0][0].alternatives += choices[1:]
        turns += choices[0]
    parameters = row.nested("model_parameters")
    return Conversation(
        turns,
        agent_id=agent_of(turns, row, "model"),
        ingest_id=row.label("id"),
        created_at=time_text(row.take("startTime")) or created_at,
        tools=tools_of(parameters),
        client=Application("LiteLLM"),
        labels={
            **labels_of(row, "custom_llm_provider", "status", "request_tags"),
            **labels_of(parameters, "temperature", "top_p"),
        },
    )


def is_langfuse(row: Json) -> bool:
    """Tell whether a row is an observation of Langfuse."""
    return (
        "type" in row
        and "input" in row
        and "output" in row
        and bool({"traceId", "trace_id", "span_id"} & row.keys())
    )


def read_langfuse(row: Fields) -> Conversation | None:
    """Return the conversation of a generation; other observations hold none."""
    if str(row.peek("type")).lower() not in MODEL_CALLS:
        return None
    row.take("type")
    model = row.label("model", "providedModelName")
    turns, tools = _asked(row)
    answers = _answered(row)
    if answers:
        answers[0][0].alternatives += answers[1:]
        turns += answers[0]
    for answer in answers:
        for turn in answer:
            turn.model = model if turn.role != "tool" else None
    row.leave("toolCalls", "scores")
    if not tools and row.peek("toolDefinitions"):
        tools = json_text(row.take("toolDefinitions"))
    return Conversation(
        turns,
        agent_id=last_model(turns) or model,
        ingest_id=row.label("id"),
        created_at=time_text(row.take("startTime", "start_time")),
        tools=tools,
        client=Application("Langfuse"),
        # Scores are columns that a project named itself.
        labels={**labels_of(row, "traceName", "name", "promptName"), **other_labels(row)},
    )


def _asked(row: Fields) -> tuple[list[Turn], str | None]:
    messages = row.items("input")
    if messages:
        return turns_of_list(row, messages, "input"), None
    request = row.nested("input", level=Level.ROW)
    if isinstance(request.peek("value"), list):
        # LangWatch's, which says of what type the value is.
        return turns_of_list(request, request.items("value"), "input"), None
    if "role" in request:
        return turns_of_message(request), None
    if {"messages", "input", "prompt"} & set(request.keys()):
        return turns_of_request(request), tools_of(request)
    text = row.label("input")
    if text is None and (keys := request.keys()):
        text = json_text({key: request.take(key) for key in keys})
    return ([Turn("user", text)] if text else []), None


def _answered(row: Fields) -> list[list[Turn]]:
    messages = row.items("output")
    if messages:
        return [turns_of_list(row, messages, "output")]
    answer = row.nested("output", level=Level.ROW)
    if isinstance(answer.peek("value"), list):
        return [turns_of_list(answer, answer.items("value"), "output")]
    if "role" in answer or isinstance(answer.peek("content"), str):
        turns = turns_of_message(answer)
        turns[-1].role = turns[-1].role or "assistant"
        return [turns]
    if {"choices", "output", "content"} & set(answer.keys()):
        return read_answer(answer)[0]
    text = row.label("output")
    if text is None and (keys := answer.keys()):
        text = json_text({key: answer.take(key) for key in keys})
    return [[Turn("assistant", text)]] if text else []
