"""Exports of llama.cpp's web interface: `conv` and a tree of messages, with `currNode`.

Sources: ggml-org/llama.cpp, tools/ui/src/lib/types/database.d.ts and
enums/attachment.enums.ts; tools/server/webui/src/lib/types/database.d.ts (older).
"""

from chatlake_client.conversation import Application, Attachment, Conversation, Turn, last_model
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.calls import calls_of
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.media import attachment_at, attachment_of_base64
from chatlake_client.shapes.thoughts import split_thoughts
from chatlake_client.shapes.times import time_text
from chatlake_client.shapes.tree import Node, Tree

KINDS = {"image": "image", "audio": "audio", "video": "video"}
ROOT = "root"


def is_llamacpp(row: Json) -> bool:
    """Tell whether a row is an exported conversation."""
    return isinstance(row.get("conv"), dict) and isinstance(row.get("messages"), list)


def read_llamacpp(row: Fields) -> Conversation:
    """Return the conversation as it is shown."""
    conv = row.nested("conv")
    nodes = [_node(message) for message in row.objects("messages", level=Level.TURN)]
    if not any(node.turns for node in nodes):
        raise RowError("only a root")
    tree = Tree(nodes)
    current = conv.text("currNode")
    turns = tree.turns_to(current if current in tree else tree.newest_leaf(), row.losses)
    asked = [turn.created_at for turn in turns if turn.role == "user"]
    return Conversation(
        turns,
        agent_id=last_model(turns),
        ingest_id=conv.label("id"),
        created_at=asked[0] if asked else None,
        title=conv.label("name"),
        client=Application("llama.cpp"),
    )


def _node(message: Fields) -> Node:
    created_at = time_text(message.take("timestamp"))
    turn = Turn(message.text("role"), message.text("content"), created_at=created_at)
    message.leave("timings", "convId")
    if message.text("type") != ROOT:
        turn.reasoning = message.label("reasoningContent", "thinking")
        turn.tool_calls = calls_of(message, "toolCalls")
        turn.tool_call_id = message.label("toolCallId")
        turn.attachments = [_extra(extra) for extra in message.objects("extra")]
        split_thoughts(turn)
    turn.model = message.label("model")
    children = [child for child in message.items("children") if isinstance(child, str)]
    is_shown = turn.role == "tool" or not turn.shows_nothing
    id_, parent = message.label("id") or "", message.label("parent")
    return Node(id_, parent, [turn] if is_shown else [], children, created_at)


def _extra(extra: Fields) -> Attachment:
    kind = (extra.text("type") or "").lower().removesuffix("file").removesuffix("_")
    name, media_type = extra.label("name"), extra.label("mimeType")
    size = extra.take("size")
    text = extra.text("content")
    extra.leave("images")
    if (url := extra.text("base64Url")) is not None:
        attachment = attachment_at(
            url, KINDS.get(kind), media_type=media_type, name=name, text=text
        )
    elif (data := extra.text("base64Data")) is not None:
        attachment = attachment_of_base64(
            data, KINDS.get(kind, "file"), media_type=media_type, name=name, text=text
        )
    else:
        attachment = Attachment("file", media_type, name, text=text, ref=extra.label("uri"))
    if isinstance(size, int) and attachment.bytes is None:
        attachment.bytes = size
    return attachment
