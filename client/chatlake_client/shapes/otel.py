"""Events and spans of OpenTelemetry's conventions for generative AI, in OTLP's JSON.

Sources: open-telemetry/semantic-conventions, docs/gen-ai/gen-ai-events.md,
gen-ai-input-messages.json and gen-ai-output-messages.json; opentelemetry-proto, examples/logs.json.
"""

from collections.abc import Iterator
from contextlib import suppress

from chatlake_client import jsontext
from chatlake_client.conversation import (
    Application,
    Attachment,
    Conversation,
    ToolCall,
    Turn,
    last_model,
)
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields, Losses, json_text, whole_number
from chatlake_client.shapes.labels import labels_of
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.media import attachment_at, attachment_of_base64, kind_of_media
from chatlake_client.shapes.numbered import MODEL, has_numbered, numbered_messages
from chatlake_client.shapes.parts import joined
from chatlake_client.shapes.shape import Thread
from chatlake_client.shapes.times import time_text

SYSTEM = "gen_ai.system_instructions"
INPUT = "gen_ai.input.messages"
OUTPUT = "gen_ai.output.messages"
CONVERSATION = "gen_ai.conversation.id"
RESPONSE_MODEL = "gen_ai.response.model"
REQUEST_MODEL = "gen_ai.request.model"
TOOLS = "gen_ai.tool.definitions"
TIME_KEYS = ("timeUnixNano", "startTimeUnixNano", "start_time", "startTime")
APPLICATION = "service.name"
APPLICATION_VERSION = "service.version"
LABELS = (
    "gen_ai.provider.name",
    "gen_ai.system",
    "gen_ai.operation.name",
    "gen_ai.request.temperature",
    "gen_ai.request.top_p",
)


def is_otel(row: Json) -> bool:
    """Tell whether a row is an export of logs or traces, or one record of them."""
    attributes = row.get("attributes")
    return (
        bool({"resourceLogs", "resourceSpans"} & row.keys())
        or (
            isinstance(attributes, list | dict)
            and bool({"timeUnixNano", "startTimeUnixNano", "eventName"} & row.keys())
        )
        or (isinstance(attributes, dict) and has_numbered(attributes))
    )


def parts_of_otel(row: Json) -> Iterator[tuple[Thread, Json]]:
    """Yield what is known of each call of a model, with the id of its conversation."""
    for record, resource in _records(row):
        known = _attributes(record)
        if INPUT in known or OUTPUT in known:
            time = next((record[key] for key in TIME_KEYS if record.get(key)), None)
            id_ = known.get(CONVERSATION)
            application = {
                key: value
                for key, value in _attributes(resource).items()
                if key in (APPLICATION, APPLICATION_VERSION)
            }
            yield (id_ if isinstance(id_, str) else None), {"time": time, **application, **known}


def read_otel(calls: list[Json], losses: Losses) -> Conversation:
    """Return the conversation of calls of which the last one holds the turns of all before it."""
    first_time = next((time for call in calls if (time := time_text(call.get("time")))), None)
    last = max(reversed(calls), key=_size)
    if not all(_goes_on_from(last, call) for call in calls):
        losses.lose("calls whose messages the last call doesn't repeat")
    row = losses.open(last, level=Level.ROW)
    row.take("time")
    turns = _turns(row, INPUT)
    instructions = Turn("system")
    for part in row.objects(SYSTEM):
        _add(instructions, part)
    if instructions.content:
        turns.insert(0, instructions)
    answers = _turns(row, OUTPUT)
    application, version = row.label(APPLICATION), row.label(APPLICATION_VERSION)
    model, asked = row.label(RESPONSE_MODEL), row.label(REQUEST_MODEL)
    for turn in answers:
        turn.model = model or asked
    if answers:
        # Each message of the output is a choice.
        answers[0].alternatives += [[other] for other in answers[1:]]
        turns.append(answers[0])
    return Conversation(
        turns,
        agent_id=last_model(turns) or model or asked,
        ingest_id=row.label(CONVERSATION),
        created_at=first_time,
        tools=json_text(row.take(TOOLS)) if row.peek(TOOLS) else None,
        client=Application(application, version) if application else None,
        labels=labels_of(row, *LABELS),
    )


def _size(call: Json) -> int:
    messages = call.get(INPUT)
    return len(messages) if isinstance(messages, list) else 0


def _goes_on_from(last: Json, call: Json) -> bool:
    """Tell whether a call repeats the messages of another one, or is the same call."""
    messages, earlier = last.get(INPUT), call.get(INPUT)
    if not isinstance(messages, list) or not isinstance(earlier, list):
        return last is call
    return messages[: len(earlier)] == earlier


def _records(row: Json) -> Iterator[tuple[Json, Json]]:
    """Yield each record with its resource, which is the application that made it."""
    if not {"resourceLogs", "resourceSpans"} & row.keys():
        yield row, {}
        return
    for outer, middle, inner in (
        ("resourceLogs", "scopeLogs", "logRecords"),
        ("resourceSpans", "scopeSpans", "spans"),
    ):
        for group in _objects(row.get(outer)):
            stated = group.get("resource")
            resource = stated if isinstance(stated, dict) else {}
            for scope in _objects(group.get(middle)):
                for record in _objects(scope.get(inner)):
                    yield record, resource
                    yield from ((event, resource) for event in _objects(record.get("events")))


def _objects(value: object) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _attributes(record: Json) -> Json:
    attributes = record.get("attributes")
    known = (
        dict(attributes)
        if isinstance(attributes, dict)
        else {str(item.get("key")): _plain(item.get("value")) for item in _objects(attributes)}
    )
    body = _plain(record.get("body"))
    if isinstance(body, dict):
        known = {**body, **known}
    if has_numbered(known):
        asked, answered, known = numbered_messages(known)
        known |= {INPUT: asked, OUTPUT: answered}
        known.setdefault(REQUEST_MODEL, known.pop(MODEL, None))
    for key in (SYSTEM, INPUT, OUTPUT):
        # Backends that know only texts hold the messages as JSON.
        text = known.get(key)
        if isinstance(text, str):
            with suppress(ValueError):
                known[key] = jsontext.parse_row(text)
    return known


def _plain(value: object) -> object:
    """Return the value that OTLP's JSON wraps with the name of its type."""
    if not isinstance(value, dict) or len(value) != 1:
        return value
    ((kind, inner),) = value.items()
    match kind:
        case "arrayValue":
            return [_plain(item) for item in _values(inner)]
        case "kvlistValue":
            return {
                str(item.get("key")): _plain(item.get("value")) for item in _objects(_values(inner))
            }
        case "intValue":
            number = whole_number(inner)
            return inner if number is None else number
        case "stringValue" | "boolValue" | "doubleValue" | "bytesValue":
            return inner
        case _:
            return value


def _values(inner: object) -> list[object]:
    values = inner.get("values") if isinstance(inner, dict) else None
    return values if isinstance(values, list) else []


def _turns(row: Fields, key: str) -> list[Turn]:
    turns: list[Turn] = []
    for message in row.objects(key, level=Level.TURN):
        role = message.text("role")
        message.leave("finish_reason")
        own: list[Turn] = []
        for part in message.objects("parts"):
            if part.peek("type") == "tool_call_response":
                part.take("type")
                answer = part.take("response", "result")
                own.append(Turn("tool", json_text(answer), tool_call_id=part.label("id")))
            else:
                if not own or own[-1].role != role:
                    own.append(Turn(role))
                _add(own[-1], part)
        if own:
            own[-1].name = message.label("name")
        turns += own
    return turns


def _add(turn: Turn, part: Fields) -> None:
    kind = part.text("type")
    if kind in {"text", None}:
        turn.content = joined(turn.content, part.text("content"), "\n")
    elif kind in {"reasoning", "thinking"}:
        turn.reasoning = joined(turn.reasoning, part.text("content"), "\n")
    elif kind == "tool_call":
        arguments, name = part.take("arguments"), part.label("name") or ""
        turn.tool_calls.append(ToolCall(name, json_text(arguments or {}), part.label("id")))
    elif kind in {"blob", "file_data", "uri", "file"}:
        turn.attachments.append(_file(part))
    else:
        part.lose(f"part of the type {kind}")


def _file(part: Fields) -> Attachment:
    media_type, modality = part.label("mime_type"), part.label("modality")
    kind = modality if modality in {"image", "audio", "video"} else kind_of_media(media_type)
    data = part.text("content", "data")
    if data is not None:
        return attachment_of_base64(data, kind, media_type=media_type)
    return attachment_at(part.text("uri", "file_id"), kind, media_type=media_type)
