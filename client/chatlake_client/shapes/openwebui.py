"""Open WebUI's export: a list of chats, each with a tree of messages and `currentId`.

Sources: open-webui/open-webui, backend/open_webui/models/chats.py and the messages of its clients;
danny-avila/LibreChat, __data__/openwebui-export.json.
"""

import html
import json
import re
from itertools import pairwise

from chatlake_client.conversation import (
    Application,
    Attachment,
    Conversation,
    ToolCall,
    Turn,
    last_model,
)
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields, json_text
from chatlake_client.shapes.labels import labels_of
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.media import attachment_at, kind_of_media
from chatlake_client.shapes.parts import turns_of_parts
from chatlake_client.shapes.responses import turns_of_items
from chatlake_client.shapes.thoughts import split_thoughts
from chatlake_client.shapes.times import time_text
from chatlake_client.shapes.tree import Node, Tree

RATINGS = {1: "positive", -1: "negative"}
_DETAILS = re.compile(
    r'<details type="(reasoning|tool_calls|code_interpreter)"([^>]*)>\n?(.*?)\n?</details>\n*',
    re.DOTALL,
)
_SUMMARY = re.compile(r"<summary>.*?</summary>\n?", re.DOTALL)
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')


def is_openwebui(row: Json) -> bool:
    """Tell whether a row is a chat of Open WebUI, with or without the record around it."""
    chat = row.get("chat", row)
    if not isinstance(chat, dict):
        return False
    history = chat.get("history")
    is_tree = isinstance(history, dict) and isinstance(history.get("messages"), dict)
    return is_tree or (chat is not row and isinstance(chat.get("messages"), list))


def read_openwebui(row: Fields) -> Conversation:
    """Return the chat as it is shown."""
    chat = row.nested("chat", level=Level.ROW) if "chat" in row else row
    # The list repeats the main path of the tree.
    chat.leave("messages", "files")
    history = chat.nested("history")
    nodes = [
        _node(id_, message) for id_, message in history.members("messages", Level.TURN).items()
    ]
    if not nodes:
        # The oldest chats are lists.
        messages = chat.objects("messages", level=Level.TURN)
        nodes = [_node(str(place), message) for place, message in enumerate(messages)]
        for before, node in pairwise(nodes):
            node.parent = before.id
    if not nodes:
        raise RowError("no messages")
    tree = Tree(nodes)
    current = history.text("currentId", "current_id")
    turns = tree.turns_to(current if current in tree else tree.newest_leaf(), row.losses)
    system = chat.nested("params").label("system") or chat.label("system")
    if turns and system:
        turns.insert(0, Turn("system", system))
    titles = [row.label("title"), chat.label("title")]
    times = [time_text(row.take("created_at")), time_text(chat.take("timestamp"))]
    tags = {**labels_of(chat, "tags"), **labels_of(row.nested("meta"), "tags")}
    models = [model for model in chat.items("models") if isinstance(model, str)]
    return Conversation(
        turns,
        agent_id=last_model(turns) or (models[0] if models else None),
        ingest_id=row.label("id"),
        created_at=times[0] or times[1],
        title=titles[0] or titles[1],
        client=Application("Open WebUI"),
        labels=tags,
    )


def _node(id_: str, message: Fields) -> Node:
    message.take("id")
    created_at = time_text(message.take("timestamp"))
    model = message.label("model")
    annotation = message.nested("annotation")
    rating = annotation.peek("rating")
    if isinstance(rating, int) and rating in RATINGS:
        annotation.take("rating")
    message.leave("error", "models", "modelName", "annotation", "sources")
    turns = _turns(message)
    for turn in turns:
        if turn.role == "assistant":
            turn.model = model
        if turn.role != "tool":
            turn.created_at = created_at
    if turns and isinstance(rating, int):
        turns[-1].rating = RATINGS.get(rating)
    children = [child for child in message.items("childrenIds") if isinstance(child, str)]
    return Node(id_, message.text("parentId"), turns, children, created_at)


def _turns(message: Fields) -> list[Turn]:
    role = message.text("role")
    if message.peek("error") is True:
        # The text is the application's own.
        message.take("content")
        return []
    attachments = [_attachment(file) for file in message.objects("files")]
    if message.peek("output"):
        # The blocks of `content` say the same, less exactly.
        message.take("content")
        turns = turns_of_items(message.objects("output"), role, "\n")
    else:
        content = message.peek("content")
        if not content and isinstance(message.peek("content_list"), list):
            return _turns_of_phases(message, role)
        if isinstance(content, str):
            message.take("content")
            turns = _turns_of_text(role, content)
        else:
            turns = turns_of_parts(message.objects("content"), role, "\n")
    if attachments:
        if not turns:
            turns = [Turn(role)]
        turns[0].attachments += attachments
    return [turn for turn in turns if turn.role == "tool" or not turn.shows_nothing]


def _turns_of_phases(message: Fields, role: str | None) -> list[Turn]:
    """Return the turn of a message of Qwen's, which keeps thoughts and answer as phases."""
    message.take("content")
    turn = Turn(role)
    for phase in message.objects("content_list"):
        phase.take("role")
        text = phase.text("content")
        if phase.text("phase") == "think":
            turn.reasoning = "\n".join(filter(None, (turn.reasoning, text))) or None
        else:
            turn.content = "\n".join(filter(None, (turn.content, text))) or None
    return [] if turn.shows_nothing else [turn]


def _turns_of_text(role: str | None, content: str) -> list[Turn]:
    """Return the turns of a text in which the application has put blocks of details."""
    if role != "assistant":
        return [Turn(role, content)]
    turns = [Turn(role)]
    rest = 0
    texts: list[str] = []
    for found in _DETAILS.finditer(content):
        before = content[rest : found.start()].strip("\n")
        rest = found.end()
        if before:
            texts.append(before)
        kind, attributes, body = found.groups()
        if kind == "reasoning":
            turn = _answer(turns, texts)
            lines = html.unescape(_SUMMARY.sub("", body)).split("\n")
            thought = "\n".join(line.removeprefix("> ").removeprefix(">") for line in lines)
            turn.reasoning = "\n".join(filter(None, (turn.reasoning, thought.strip())))
        elif kind == "tool_calls":
            turn = _answer(turns, texts)
            turns += _called(turn, dict(_ATTRIBUTE.findall(attributes)))
        else:
            texts.append(found.group().strip("\n"))
    texts.append(content[rest:])
    _answer(turns, texts)
    for turn in turns:
        split_thoughts(turn)
    return turns


def _answer(turns: list[Turn], texts: list[str]) -> Turn:
    """Put collected texts into the open turn of the assistant, and return the turn."""
    if turns[-1].role != "assistant":
        turns.append(Turn("assistant"))
    text = "\n".join(filter(None, texts))
    texts.clear()
    if text:
        turns[-1].content = "\n".join(filter(None, (turns[-1].content, text)))
    return turns[-1]


def _called(turn: Turn, attributes: dict[str, str]) -> list[Turn]:
    id_, name = attributes.get("id"), attributes.get("name", "")
    turn.tool_calls.append(ToolCall(name, _attribute(attributes.get("arguments")) or "{}", id_))
    result = _attribute(attributes.get("result"))
    return [] if result is None else [Turn("tool", result, tool_call_id=id_, name=name)]


def _attribute(value: str | None) -> str | None:
    """Return the text of an attribute, which is JSON with HTML's escapes."""
    if value is None:
        return None
    text = html.unescape(value)
    try:
        return json_text(json.loads(text))
    except ValueError:
        return text


def _attachment(file: Fields) -> Attachment:
    kind = file.text("type")
    if kind == "image":
        return attachment_at(file.text("url", "id"), "image", name=file.label("name"))
    inner = file.nested("file")
    meta = inner.nested("meta")
    data = inner.nested("data")
    media_type = meta.label("content_type")
    size = meta.take("size")
    name = file.label("name") or inner.label("filename") or meta.label("name")
    return Attachment(
        kind_of_media(media_type),
        media_type=media_type,
        name=name,
        bytes=size if isinstance(size, int) else None,
        text=data.label("content"),
        ref=file.label("id") or inner.label("id") or file.label("url"),
    )
