"""HuggingChat's export: a list of conversations whose messages form a tree.

Sources: huggingface/chat-ui, src/lib/types/Message.ts and Conversation.ts,
src/routes/api/v2/export/+server.ts, src/lib/utils/tree.
"""

from itertools import pairwise

from chatlake_client.conversation import Application, Attachment, Conversation, Turn
from chatlake_client.records import Json
from chatlake_client.shapes.agents import agent_of
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.media import attachment_of_base64, kind_of_media
from chatlake_client.shapes.thoughts import split_thoughts
from chatlake_client.shapes.times import time_text
from chatlake_client.shapes.tree import Node, Tree

RATINGS = {1: "positive", -1: "negative"}


def is_huggingchat(row: Json) -> bool:
    """Tell whether a row is a conversation of HuggingChat."""
    messages = row.get("messages")
    first = messages[0] if isinstance(messages, list) and messages else None
    is_message = isinstance(first, dict) and "from" in first and "content" in first
    return is_message or (messages == [] and "_id" in row and "preprompt" in row)


def read_huggingchat(row: Fields) -> Conversation:
    """Return the conversation on the path of the last sibling at each fork.

    Messages of older exports are no tree: each follows the one before it.
    """
    row.leave("files")
    messages = row.objects("messages", level=Level.TURN)
    is_tree = any("ancestors" in message or "children" in message for message in messages)
    nodes = [_node(message, f"#{place}") for place, message in enumerate(messages)]
    if not is_tree:
        for before, node in pairwise(nodes):
            node.parent = before.id
    tree = Tree(nodes)
    turns = tree.turns_to(tree.last_leaf(), row.losses)
    preprompt = row.label("preprompt")
    if preprompt and turns and turns[0].role != "system":
        turns.insert(0, Turn("system", preprompt))
    return Conversation(
        turns,
        agent_id=agent_of(turns, row, "model"),
        ingest_id=row.label("_id", "id"),
        created_at=time_text(row.take("createdAt")),
        title=row.label("title"),
        client=Application("HuggingChat"),
    )


def _node(message: Fields, id_: str) -> Node:
    parent = next(reversed(message.items("ancestors")), None)
    created_at = time_text(message.take("createdAt"))
    turn = Turn(message.text("from"), message.text("content"), created_at=created_at)
    turn.reasoning = message.label("reasoning")
    split_thoughts(turn)
    score = message.peek("score")
    if isinstance(score, int):
        turn.rating = RATINGS.get(score)
        message.take("score")
    if message.flag("interrupted"):
        turn.stopped = True
    turn.model = message.nested("routerMetadata").label("model")
    files = message.peek("files")
    if isinstance(files, list) and all(isinstance(file, dict) for file in files):
        turn.attachments = [_file(file) for file in message.objects("files")]
    # The export puts files into its archive, and only names them here.
    message.leave("files")
    children = [child for child in message.items("children") if isinstance(child, str)]
    turns = [] if turn.shows_nothing else [turn]
    return Node(
        message.label("id") or id_,
        parent if isinstance(parent, str) else None,
        turns,
        children,
        created_at,
    )


def _file(file: Fields) -> Attachment:
    media_type, name, value = file.label("mime"), file.label("name"), file.text("value")
    if file.text("type") == "base64":
        return attachment_of_base64(value or "", media_type=media_type, name=name)
    return Attachment(kind_of_media(media_type), media_type=media_type, name=name, ref=value)
