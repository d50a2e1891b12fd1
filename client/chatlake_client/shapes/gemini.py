"""Gemini's `contents`: tuning sets, requests, and requests with their responses.

Source: googleapis/js-genai, src/types.ts (Content, Part, GenerateContentResponse).
"""

from chatlake_client.conversation import Conversation, ToolCall, Turn
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.agents import agent_of
from chatlake_client.shapes.fields import Fields, json_text
from chatlake_client.shapes.labels import labels_of
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.media import attachment_at, attachment_of_base64
from chatlake_client.shapes.parts import joined
from chatlake_client.shapes.times import time_text

ROLES = {"model": "assistant", "function": "tool"}
CODE_TOOL = "code_execution"
"""What the tool that runs a model's code is called, which no response says."""


def is_gemini(row: Json) -> bool:
    """Tell whether a row has `contents`, itself or in its request."""
    request = row.get("request")
    return "contents" in row or (isinstance(request, dict) and "contents" in request)


def read_gemini(row: Fields) -> Conversation:
    """Return the conversation of a request, and of its response where there is one."""
    request = row.nested("request", level=Level.ROW) if "request" in row else row
    turns = turns_of_contents(request)
    add_instruction(request, turns)
    response = row.nested("response", level=Level.ROW)
    model = response.label("modelVersion", "model_version")
    answers = [_answer(candidate, model) for candidate in response.objects("candidates")]
    answers = [answer for answer in answers if answer]
    if answers:
        answers[0][0].alternatives += answers[1:]
        turns += answers[0]
    if not turns:
        raise RowError("no candidates and no prompt")
    created_at = response.take("createTime", "create_time")
    own_id = response.label("responseId", "response_id")
    request.leave("labels")
    return Conversation(
        turns,
        agent_id=model_name(agent_of(turns, request, "model") or row.label("model")),
        ingest_id=own_id or row.label("ingest_id"),
        created_at=time_text(created_at),
        source=row.label("source"),
        tools=json_text(request.take("tools")) if request.peek("tools") else None,
        labels=labels_of(request.nested("generationConfig"), "temperature", "topP", "topK"),
    )


def turns_of_contents(request: Fields) -> list[Turn]:
    """Take `contents` and return its turns; one object counts as a list of one."""
    value = request.take("contents")
    if isinstance(value, str):
        return [Turn("user", value)]
    contents = value if isinstance(value, list) else [value]
    turns: list[Turn] = []
    for content in contents:
        turns += turns_of_content(request.inner(content, "contents[]", Level.TURN))
    return turns


def add_instruction(request: Fields, turns: list[Turn]) -> None:
    """Put the instruction of the system before the turns."""
    key = next((key for key in ("systemInstruction", "system_instruction") if key in request), None)
    if key is None:
        return
    text = request.text(key)
    if text is None:
        instruction = request.nested(key)
        instruction.take("role")
        texts = [part.text("text") for part in instruction.objects("parts")]
        texts.append(instruction.text("text"))
        text = "\n".join(filter(None, texts))
    if text:
        turns.insert(0, Turn("system", text))


def turns_of_content(content: Fields, role: str | None = None) -> list[Turn]:
    """Return the turns of a content: the answers of tools in it are turns of their own.

    Args:
        content: The content.
        role: Who speaks, where that was read before.
    """
    stated = content.text("role") or role or "user"
    role = ROLES.get(stated, stated)
    turns: list[Turn] = []
    open_turn: Turn | None = None
    for part in content.objects("parts"):
        result = _result(part)
        if result:
            turns.append(result)
            open_turn = None
            continue
        if open_turn is None:
            open_turn = Turn(role)
            turns.append(open_turn)
        add_part(open_turn, part)
    return [turn for turn in turns if not turn.shows_nothing or turn.role == "tool"]


def _result(part: Fields) -> Turn | None:
    for key in ("functionResponse", "function_response"):
        if key in part:
            answer = part.nested(key)
            response = answer.take("response")
            return Turn(
                "tool",
                json_text({} if response is None else response),
                name=answer.label("name"),
                tool_call_id=answer.label("id"),
            )
    for key in ("codeExecutionResult", "code_execution_result"):
        if key in part:
            return Turn("tool", part.nested(key).text("output") or "", name=CODE_TOOL)
    return None


def add_part(turn: Turn, part: Fields) -> None:
    """Add what a part says to a turn."""
    text = part.text("text")
    if part.flag("thought", "isThought"):
        turn.reasoning = joined(turn.reasoning, text, "\n")
    else:
        turn.content = joined(turn.content, text, "\n")
    part.leave("thoughtSignature", "thought_signature")
    for key in ("functionCall", "function_call"):
        if key in part:
            call = part.nested(key)
            name, arguments = call.label("name") or "", call.take("args")
            turn.tool_calls.append(ToolCall(name, json_text(arguments or {}), call.label("id")))
    for key in ("executableCode", "executable_code"):
        if key in part:
            turn.tool_calls.append(ToolCall(CODE_TOOL, part.nested(key).text("code") or ""))
    for key in ("inlineData", "inline_data", "fileData", "file_data"):
        if key in part:
            _add_file(turn, part.nested(key))


def _add_file(turn: Turn, file: Fields) -> None:
    media_type = file.label("mimeType", "mime_type")
    name = file.label("displayName", "display_name")
    data = file.text("data")
    turn.attachments.append(
        attachment_of_base64(data, media_type=media_type, name=name)
        if data is not None
        else attachment_at(file.text("fileUri", "file_uri"), media_type=media_type, name=name)
    )


def _answer(candidate: Fields, model: str | None) -> list[Turn]:
    content = candidate.nested("content", level=Level.TURN)
    if "role" not in content:
        turns = turns_of_content(content)
        for turn in turns:
            turn.role = "assistant" if turn.role == "user" else turn.role
    else:
        turns = turns_of_content(content)
    for turn in turns:
        turn.model = model if turn.role == "assistant" else None
    return turns


def model_name(model: str | None) -> str | None:
    """Return the name of a model without the name of its collection."""
    return model.removeprefix("models/") if model else None
