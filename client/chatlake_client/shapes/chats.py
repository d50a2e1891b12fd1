"""Applications whose chats are objects with a list of messages, the main path alone.

They differ in the names of the title, the id and the model, and in which messages are the
application's own. `vocabulary.py` knows the words of their messages.

Sources: ztjhz/BetterChatGPT, src/types/chat.ts; ChatGPTNextWeb/NextChat, app/store/chat.ts and
mask.ts; enricoros/big-AGI, src/common/stores/chat; chatboxai/chatbox, src/shared/types.ts;
continuedev/continue, core/index.d.ts (Session); google-gemini/gemini-cli,
packages/core/src/services/chatRecordingService.ts; lobehub/lobe-chat, packages/types/src;
CherryHQ/cherry-studio, src/renderer/src/types/newMessage.ts; backups of TypingMind and exports of
the browser extension ChatGPT Exporter, as public importers read them.
"""

from dataclasses import dataclass
from typing import Final

from chatlake_client.conversation import Application, Conversation, Turn, all_turns
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.agents import agent_of
from chatlake_client.shapes.fields import Fields, is_true, kind_name
from chatlake_client.shapes.messages import turns_of_list
from chatlake_client.shapes.rows import model_within
from chatlake_client.shapes.times import time_of
from chatlake_client.shapes.vocabulary import MODEL_KEYS, TIME_KEYS, role_of_word

LISTS: Final = ("messages", "history")
SYSTEM_KEYS: Final = ("systemRole", "systemPrompt", "system")
NOT_SPOKEN: Final = ("info", "error", "warning")
"""Types of messages that are the application's own."""
DISPLAY_NAME: Final = "sender"


@dataclass(frozen=True, slots=True)
class ChatApplication:
    """How an application names what it says of a chat.

    Attributes:
        name: The application's name.
        marks: Keys of which its chats have at least one, and other rows none.
        id: The key of the id.
        titles: The keys of titles, the user's own first.
        settings: The key of an object that names the model, and may state a system prompt and
            messages that stand before the others.
        version: The key of the application's version; None where its chats don't state it.
        system: The keys of the system prompt.
    """

    name: str
    marks: frozenset[str]
    id: str = "id"
    titles: tuple[str, ...] = ("title",)
    settings: str = "settings"
    version: str | None = None
    system: tuple[str, ...] = SYSTEM_KEYS


def _marks(*keys: str) -> frozenset[str]:
    return frozenset(keys)


APPLICATIONS: Final = (
    ChatApplication("TypingMind", _marks("chatID"), "chatID", ("chatTitle",)),
    ChatApplication("BetterChatGPT", _marks("titleSet"), settings="config"),
    ChatApplication("NextChat", _marks("mask", "memoryPrompt"), "id", ("topic",), "mask"),
    ChatApplication("big-AGI", _marks("systemPurposeId"), titles=("userTitle", "autoTitle")),
    ChatApplication(
        "Chatbox",
        _marks("threadName", "copilotId", "threads", "messageForksHash"),
        titles=("threadName", "name"),
    ),
    ChatApplication("Continue", _marks("workspaceDirectory"), "sessionId"),
    ChatApplication("Gemini CLI", _marks("projectHash"), "sessionId", ("summary",)),
    ChatApplication("LobeChat", _marks("topicId"), "topicId"),
    ChatApplication("Cherry Studio", _marks("assistantId"), titles=("name",)),
    ChatApplication("Chatbot UI", _marks("folderId"), titles=("name",), system=("prompt",)),
    ChatApplication("ChatGPT Exporter", _marks("powered_by")),
    ChatApplication("Markdown", _marks("markdownTranscript")),
    ChatApplication("Aider", _marks("aiderOutput"), version="version"),
    ChatApplication("Cursor", _marks("cursorExport"), version="version"),
)
KEYS: Final = frozenset({"metadata"}.union(*(one.marks for one in APPLICATIONS)))
"""Keys of which each chat has at least one."""


def is_chat(row: Json) -> bool:
    """Tell whether a row is a chat of one of the applications."""
    return _application_of(row) is not None


def _application_of(row: Json) -> ChatApplication | None:
    if not any(isinstance(row.get(key), list) for key in LISTS):
        return None
    metadata = row.get("metadata")
    keys = {*row, *(metadata if isinstance(metadata, dict) else ())}
    return next((one for one in APPLICATIONS if one.marks & keys), None)


def read_chat(row: Fields) -> Conversation:
    """Return the conversation of a chat, without messages of the application itself."""
    stated = {*KEYS, *LISTS}
    application = _application_of({key: row.peek(key) for key in stated if row.has(key)})
    if application is None:
        raise RowError("no chat of a known application")
    row.leave(*MODEL_KEYS)
    turns = _spoken(row, next(key for key in LISTS if isinstance(row.peek(key), list)))
    settings = row.nested(application.settings)
    if "context" in settings:
        turns = [*_spoken(settings, "context"), *turns]
    system = settings.label(*application.system) or row.label(*application.system)
    if system and turns and turns[0].role != "system":
        turns.insert(0, Turn("system", system))
    if not turns:
        raise RowError("no message is left")
    inner = settings.nested("modelConfig") if "modelConfig" in settings else settings
    return Conversation(
        turns,
        agent_id=agent_of(turns, inner, *MODEL_KEYS)
        or row.label(*MODEL_KEYS, "chatModelTitle")
        or model_within(row),
        ingest_id=row.label(application.id),
        created_at=time_of(row, *TIME_KEYS, "startTime")
        or next((turn.created_at for turn in turns if turn.created_at), None),
        title=row.label(*application.titles),
        client=Application(
            application.name, application.version and row.label(application.version)
        ),
    )


def _spoken(row: Fields, key: str) -> list[Turn]:
    """Take a list of messages; return the turns of those that somebody says."""
    messages = row.items(key)
    for place, message in enumerate(messages):
        if not isinstance(message, dict):
            raise RowError(f"{key}[{place}] must be an object, not {kind_name(message)}")
    spoken = [one for one in messages if isinstance(one, dict) and not is_of_application(one)]
    turns = turns_of_list(row, [_without(one) for one in spoken], key)
    for turn in all_turns(turns):
        turn.role = role_of_word(turn.role) or turn.role
    return [turn for turn in turns if turn.role == "tool" or not turn.shows_nothing]


def is_of_application(message: Json) -> bool:
    """Tell whether a message is the application's own, such as an error."""
    return (
        is_true(message.get("isError"))
        or message.get("type") in NOT_SPOKEN
        or (bool(message.get("error")) and not message.get("content"))
    )


def _without(message: Json) -> Json:
    """Return a message without the display name beside its role."""
    if "role" in message:
        return {key: value for key, value in message.items() if key != DISPLAY_NAME}
    return message
