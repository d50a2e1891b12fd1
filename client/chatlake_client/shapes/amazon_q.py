"""Amazon Q's command line: a list of exchanges, each of which has what was put in and an answer.

What was put in is a question, or what the called tools answered. Older versions write an exchange
as a list of the two.

Source: aws/amazon-q-developer-cli, crates/chat-cli/src/cli/chat (`ConversationState`, `message`).
"""

from typing import Final

from chatlake_client.conversation import Application, Conversation, ToolCall, Turn
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields, json_text
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.times import time_of

LIST: Final = "history"
ANSWERS: Final = ("Response", "ToolUse")
ASKED: Final = ("Prompt", "CancelledToolUses", "ToolUseResults")
SIDES: Final = 2


def is_amazon_q(row: Json) -> bool:
    """Tell whether a row is a conversation of Amazon Q."""
    exchanges = row.get(LIST)
    if not (isinstance(exchanges, list) and exchanges):
        return False
    pair = _pair(exchanges[0])
    return (
        pair is not None
        and isinstance(content := pair[0].get("content"), dict)
        and not content.keys().isdisjoint(ASKED)
        and not pair[1].keys().isdisjoint(ANSWERS)
    )


def _pair(exchange: object) -> tuple[Json, Json] | None:
    """Return the two sides of an exchange."""
    sides = exchange
    if isinstance(exchange, dict):
        sides = [exchange.get("user"), exchange.get("assistant")]
    if not (isinstance(sides, list) and len(sides) == SIDES):
        return None
    asked, answered = sides
    return (asked, answered) if isinstance(asked, dict) and isinstance(answered, dict) else None


def read_amazon_q(row: Fields) -> Conversation:
    """Return the turns of all exchanges.

    Raises:
        RowError: An exchange doesn't have two known sides.
    """
    turns: list[Turn] = []
    for place, exchange in enumerate(row.items(LIST)):
        pair = _pair(exchange)
        if pair is None:
            raise RowError(f"{LIST}[{place}] must have what was asked and what was answered")
        turns += _asked(row.inner(pair[0], f"{LIST}[].user", Level.TURN))
        turns.append(_answered(row.inner(pair[1], f"{LIST}[].assistant", Level.TURN)))
    row.leave("tools", "transcript", "next_message")
    model = row.nested("model_info").label("model_id") or row.label("model")
    return Conversation(
        turns,
        agent_id=model,
        ingest_id=row.label("conversation_id"),
        created_at=next((turn.created_at for turn in turns if turn.created_at), None),
        client=Application("Amazon Q"),
    )


def _asked(side: Fields) -> list[Turn]:
    side.leave("additional_context", "env_context")
    time, content = time_of(side, "timestamp"), side.nested("content")
    kind = next((key for key in ASKED if key in content), None)
    if kind is None:
        raise RowError(f"{side.path}.content has none of {', '.join(ASKED)}")
    inner = content.nested(kind)
    asked = inner.text("prompt")
    turns = [_result(result) for result in inner.objects("tool_use_results")]
    if asked:
        turns.append(Turn("user", asked))
    for turn in turns:
        turn.created_at = time
    if side.peek("images"):
        side.lose("images")
    return turns


def _result(result: Fields) -> Turn:
    """Return what a tool answered: texts, or values as JSON."""
    id_, contents = result.label("tool_use_id"), result.objects("content")
    result.leave("status")
    texts = [json_text(content.take("Text", "Json")) for content in contents]
    return Turn("tool", "\n".join(texts), tool_call_id=id_)


def _answered(side: Fields) -> Turn:
    kind = next((key for key in ANSWERS if key in side), None)
    if kind is None:
        raise RowError(f"{side.path} has neither {' nor '.join(ANSWERS)}")
    inner = side.nested(kind)
    turn = Turn("assistant", inner.text("content") or None)
    for call in inner.objects("tool_uses"):
        name, arguments = call.label("name"), call.take("args")
        call.leave("orig_name", "orig_args")
        turn.tool_calls.append(ToolCall(name or "", json_text(arguments), call.label("id")))
    return turn
