"""Lists the shapes, and finds the one that an object of a file has."""

from functools import lru_cache
from typing import Final

from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes import (
    aistudio,
    battles,
    calling,
    chainlit,
    characterai,
    chatbox,
    chatgpt,
    chats,
    claude_ai,
    claude_code,
    codex,
    compared,
    copilot,
    deepseek,
    evaluations,
    exchanges,
    gateways,
    gemini,
    goose,
    grok,
    huggingchat,
    instructions,
    jan,
    koboldai,
    lechat,
    librechat,
    listed,
    llamacpp,
    lmstudio,
    messages,
    oasst,
    oobabooga,
    openrouter,
    openwebui,
    otel,
    preferences,
    prism,
    ranked,
    requests,
    rows,
    scattered,
    sillytavern,
    spans,
    streams,
    takeout,
    transcripts,
    vocabulary,
    wildchat,
)
from chatlake_client.shapes.fields import kind_name
from chatlake_client.shapes.meaning import holds_answer
from chatlake_client.shapes.shape import Shape, ThreadShape


def _keys(names: str) -> frozenset[str]:
    return frozenset(names.split())


MESSAGES: Final = Shape(
    "messages (conversation, messages, conversations)",
    _keys("conversation messages conversations"),
    rows.is_messages,
    rows.read_messages,
)
LISTED: Final = Shape(
    "messages under another key", frozenset(), listed.is_listed, listed.read_listed
)
SCATTERED: Final = ThreadShape(
    "messages one a row",
    frozenset(scattered.THREAD_KEYS),
    scattered.is_scattered,
    scattered.parts_of_scattered,
    scattered.read_scattered,
)
SHAPES: Final[tuple[Shape | ThreadShape, ...]] = (
    Shape("DeepSeek", _keys("mapping"), deepseek.is_deepseek, deepseek.read_deepseek),
    ThreadShape(
        "ChatGPT",
        _keys("mapping conversation_id"),
        chatgpt.is_chatgpt,
        chatgpt.parts_of_chatgpt,
        chatgpt.read_chatgpt,
    ),
    Shape("Claude", _keys("chat_messages"), claude_ai.is_claude_ai, claude_ai.read_claude_ai),
    ThreadShape(
        "Claude Code",
        _keys("sessionId session_id leafUuid snapshot"),
        claude_code.is_claude_code,
        claude_code.parts_of_claude_code,
        claude_code.read_claude_code,
    ),
    ThreadShape("Codex", _keys("payload"), codex.is_codex, codex.parts_of_codex, codex.read_codex),
    Shape("AI Studio", _keys("chunkedPrompt"), aistudio.is_aistudio, aistudio.read_aistudio),
    Shape("Open WebUI", _keys("chat history"), openwebui.is_openwebui, openwebui.read_openwebui),
    Shape(
        "LibreChat",
        _keys("messagesTree conversationId"),
        librechat.is_librechat,
        librechat.read_librechat,
    ),
    ThreadShape(
        "LibreChat CSV",
        _keys("isCreatedByUser"),
        librechat.is_librechat_message,
        librechat.parts_of_librechat_csv,
        librechat.read_librechat_csv,
    ),
    Shape("llama.cpp", _keys("conv"), llamacpp.is_llamacpp, llamacpp.read_llamacpp),
    Shape("LM Studio", _keys("messages"), lmstudio.is_lmstudio, lmstudio.read_lmstudio),
    Shape(
        "text-generation-webui",
        _keys("internal data"),
        oobabooga.is_oobabooga,
        oobabooga.read_oobabooga,
    ),
    ThreadShape(
        "SillyTavern",
        _keys("character_name mes"),
        sillytavern.is_sillytavern,
        sillytavern.parts_of_sillytavern,
        sillytavern.read_sillytavern,
    ),
    Shape(
        "Character.AI",
        _keys("turns"),
        characterai.is_characterai,
        characterai.read_characterai,
    ),
    Shape("KoboldAI Lite", _keys("gamestarted"), koboldai.is_koboldai, koboldai.read_koboldai),
    ThreadShape(
        "streamed answers",
        _keys("object type"),
        streams.is_chunk,
        streams.parts_of_chunk,
        streams.read_chunks,
    ),
    Shape("Chainlit", _keys("steps"), chainlit.is_chainlit, chainlit.read_chainlit),
    Shape("OpenRouter", _keys("characters"), openrouter.is_openrouter, openrouter.read_openrouter),
    Shape("Goose", _keys("working_dir"), goose.is_goose_header, goose.read_goose_header),
    Shape("Grok", _keys("responses"), grok.is_grok, grok.read_grok),
    ThreadShape(
        "Le Chat", _keys("chatId"), lechat.is_lechat, lechat.parts_of_lechat, lechat.read_lechat
    ),
    Shape(
        "Visual Studio Code's Copilot",
        _keys("responderUsername"),
        copilot.is_vscode,
        copilot.read_vscode,
    ),
    ThreadShape(
        "Microsoft's Copilot",
        _keys("Conversation"),
        copilot.is_copilot_message,
        copilot.parts_of_copilot,
        copilot.read_copilot,
    ),
    Shape("Gemini in Takeout", _keys("header"), takeout.is_takeout, takeout.read_takeout),
    ThreadShape("Jan", _keys("thread_id"), jan.is_jan, jan.parts_of_jan, jan.read_jan),
    Shape(
        "HuggingChat", _keys("messages"), huggingchat.is_huggingchat, huggingchat.read_huggingchat
    ),
    ThreadShape(
        "OpenTelemetry",
        _keys("resourceLogs resourceSpans attributes"),
        otel.is_otel,
        otel.parts_of_otel,
        otel.read_otel,
    ),
    Shape(
        "Braintrust, Weave, MLflow, Datadog",
        frozenset(spans.MARKS),
        spans.is_span,
        spans.read_span,
    ),
    Shape(
        "Inspect, promptfoo, lm-evaluation-harness, OpenAI's evals",
        _keys("epoch prompt doc_id event_id spec final_report"),
        evaluations.is_evaluation,
        evaluations.read_evaluation,
    ),
    Shape(
        "Langfuse", _keys("traceId trace_id span_id"), gateways.is_langfuse, gateways.read_langfuse
    ),
    Shape("LiteLLM", _keys("call_type"), gateways.is_litellm, gateways.read_litellm),
    Shape("Gemini", _keys("contents request"), gemini.is_gemini, gemini.read_gemini),
    Shape(
        "requests of OpenAI and Anthropic",
        frozenset(
            {
                *("request", "body", "custom_id", "object", "content"),
                *("messages", *requests.ASKED_KEYS),
            }
        ),
        requests.is_request,
        requests.read_request,
    ),
    Shape(
        "Open Assistant's trees",
        _keys("message_tree_id"),
        oasst.is_oasst_tree,
        oasst.read_oasst_tree,
    ),
    ThreadShape(
        "Open Assistant's messages",
        _keys("message_id"),
        oasst.is_oasst_message,
        oasst.parts_of_oasst,
        oasst.read_oasst_messages,
    ),
    Shape("LMArena", _keys("conversation_a response_a"), battles.is_battle, battles.read_battle),
    Shape(
        "OpenAI's preferences",
        _keys("preferred_output"),
        preferences.is_openai_pair,
        preferences.read_openai_pair,
    ),
    Shape(
        "preferences (chosen, rejected)",
        frozenset(better for better, _ in preferences.PAIRS),
        preferences.is_pair,
        preferences.read_pair,
    ),
    Shape(
        "two answers and a preference", compared.KEYS, compared.is_compared, compared.read_compared
    ),
    Shape("answers with ranks or scores", ranked.KEYS, ranked.is_ranked, ranked.read_ranked),
    Shape("xLAM", _keys("answers"), calling.is_xlam, calling.read_xlam),
    Shape("Glaive", _keys("chat"), calling.is_glaive, calling.read_glaive),
    Shape("PRISM", _keys("conversation_history"), prism.is_prism, prism.read_prism),
    Shape("SHP", _keys("human_ref_A"), preferences.is_shp, preferences.read_shp),
    ThreadShape(
        "Chatbox with threads or forks",
        _keys("threads messageForksHash"),
        chatbox.is_chatbox,
        chatbox.parts_of_chatbox,
        chatbox.read_chatbox,
    ),
    Shape(
        ", ".join(one.name for one in chats.APPLICATIONS),
        chats.KEYS,
        chats.is_chat,
        chats.read_chat,
    ),
    Shape(
        "WildChat and LMSYS",
        _keys("conversation_hash conversation_id"),
        wildchat.is_wildchat,
        wildchat.read_wildchat,
    ),
    Shape(
        "UltraChat and LIMA",
        _keys("data conversations"),
        instructions.is_ultrachat,
        instructions.read_ultrachat,
    ),
    MESSAGES,
    SCATTERED,
    ThreadShape(
        "questions and answers one a row",
        frozenset(scattered.THREAD_KEYS),
        exchanges.is_exchange,
        exchanges.parts_of_exchange,
        exchanges.read_exchanges,
    ),
    Shape(
        "instruction or question with an answer",
        frozenset(instructions.ASKED_KEYS),
        instructions.is_instruction,
        instructions.read_instruction,
    ),
    Shape(
        "prompt with completion, as messages",
        _keys("completion"),
        preferences.is_rated_completion,
        preferences.read_rated_completion,
    ),
    Shape(
        "transcript",
        frozenset(transcripts.KEYS),
        transcripts.is_transcript,
        transcripts.read_transcript,
    ),
)
"""All shapes. The first one that recognises a row reads it, so those that know more come first."""

_KEYS_OF_SHAPES: Final = frozenset(key for shape in SHAPES for key in shape.keys)

MAX_REMEMBERED_KEYS: Final = 32
MAX_DEPTH_OF_ROW: Final = 3
"""How many objects may lie around a row."""
MAX_NAMED_KEYS: Final = 20


def shape_of(row: object) -> tuple[Shape | ThreadShape, Json]:
    """Return the shape of a row, and the row as an object: a list is one of messages.

    Raises:
        RowError: The row has no known shape.
    """
    if isinstance(row, list):
        row = {"contents" if any(map(_is_content, row)) else "messages": row}
    if not isinstance(row, dict):
        raise RowError(f"a row must be an object, not {kind_name(row)}")
    if found := _shape_of(row):
        return found, row
    for other in (row_within(row), _uncapitalised(row)):
        if other and (found := _shape_of(other)):
            return found, other
    keys = sorted(row)
    more = ", …" if len(keys) > MAX_NAMED_KEYS else ""
    seen = ", ".join(keys[:MAX_NAMED_KEYS]) + more
    known = ", ".join(shape.name for shape in SHAPES)
    raise RowError(f"unknown format with keys: {seen or 'none'}; known formats: {known}")


def _shape_of(row: Json) -> Shape | ThreadShape | None:
    return _recognised(row) or (SCATTERED if vocabulary.speaks(row) else None)


def _uncapitalised(row: Json) -> Json | None:
    """Return a row of a spreadsheet whose columns begin with capitals, in small letters."""
    if not all(key[:1].isupper() for key in row):
        return None
    return {key.lower().replace(" ", "_"): value for key, value in row.items()}


def is_known(row: Json) -> bool:
    """Tell whether a row has a known shape, also in other letters."""
    return _shape_of(row) is not None or _shape_of(_uncapitalised(row) or {}) is not None


def row_within(row: Json) -> Json | None:
    """Return the only row that lies in an object of another, with the other's keys beside its own.

    None where there is no such row, or several.
    """
    held = row
    for _ in range(MAX_DEPTH_OF_ROW):
        merged = _merged(held)
        if merged is None or _shape_of(merged):
            return merged
        held = merged
    return None


def _merged(row: Json) -> Json | None:
    """Return a row with its only object that is a row, or holds one, in the object's place."""
    objects = {key: value for key, value in row.items() if isinstance(value, dict)}
    rows = [key for key, value in objects.items() if _shape_of(value)]
    holders = rows or [
        key for key, value in objects.items() if any(map(_is_shaped, value.values()))
    ]
    if len(holders) != 1:
        return None
    (key,) = holders
    beside = {name: value for name, value in row.items() if name != key}
    # What was expected of a model isn't its answer, if that stands elsewhere.
    return None if holds_answer(beside) else {**beside, **objects[key]}


def _is_shaped(value: object) -> bool:
    return isinstance(value, dict) and _shape_of(value) is not None


def _recognised(row: Json) -> Shape | ThreadShape | None:
    few = tuple(row) if len(row) <= MAX_REMEMBERED_KEYS else tuple(_KEYS_OF_SHAPES & row.keys())
    for shape in _candidates(few):
        if shape.recognises(row):
            return shape
    return LISTED if listed.is_listed(row) else None


@lru_cache(maxsize=256)
def _candidates(keys: tuple[str, ...]) -> list[Shape | ThreadShape]:
    """Return the shapes that an object with some keys may have.

    It is remembered, since the rows of a file have mostly the same keys.
    """
    return [shape for shape in SHAPES if not shape.keys.isdisjoint(keys)]


def is_row(value: object) -> bool:
    """Tell whether a value is a row rather than something that holds rows.

    A key alone doesn't tell: a file may keep its rows under ``conversations``.
    """
    if not isinstance(value, dict):
        return False
    shape = _recognised(value)
    if shape is not MESSAGES:
        return shape is not None
    key = next(key for key in messages.TURN_LISTS if value.get(key) is not None)
    return not (
        key != messages.ONE and isinstance(value[key], list) and any(map(_is_whole, value[key]))
    )


def _is_whole(value: object) -> bool:
    """Tell whether a value is a row that needs no other row."""
    return is_row(value) and isinstance(value, dict) and not scattered.is_scattered(value)


def _is_content(value: object) -> bool:
    """Tell whether a value is a turn in Gemini's words, whose parts state no type."""
    if not isinstance(value, dict) or vocabulary.is_model_message(value):
        return False
    return "parts" in value and not vocabulary.is_typed(value["parts"])
