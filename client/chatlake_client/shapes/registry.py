"""Lists the shapes that are known. `recognition.py` finds the one that an object of a file has."""

from typing import Final

from chatlake_client.shapes import (
    aistudio,
    amazon_q,
    autogen,
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
    facebook,
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
    moss,
    oasst,
    oobabooga,
    openhands,
    openrouter,
    openwebui,
    otel,
    preferences,
    prism,
    ranked,
    realtime,
    requests,
    rows,
    scattered,
    sillytavern,
    spans,
    streams,
    takeout,
    transcripts,
    wildchat,
    zed_texts,
)
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
    Shape("Amazon Q", _keys("history"), amazon_q.is_amazon_q, amazon_q.read_amazon_q),
    Shape(
        "Meta AI in Messenger",
        _keys("participants"),
        facebook.is_facebook,
        facebook.read_facebook,
    ),
    Shape("Zed's text threads", _keys("zed"), zed_texts.is_zed_text, zed_texts.read_zed_text),
    Shape("AutoGen's teams", _keys("agent_states"), autogen.is_team, autogen.read_team),
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
        _keys("object type candidates done"),
        streams.is_chunk,
        streams.parts_of_chunk,
        streams.read_chunks,
    ),
    ThreadShape(
        "OpenAI's realtime API",
        _keys("event_id"),
        realtime.is_realtime,
        realtime.parts_of_realtime,
        realtime.read_realtime,
    ),
    ThreadShape(
        "OpenHands",
        _keys("action observation"),
        openhands.is_openhands,
        openhands.parts_of_openhands,
        openhands.read_openhands,
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
    Shape("MOSS", _keys("chat"), moss.is_moss, moss.read_moss),
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
        frozenset({*transcripts.KEYS, transcripts.BAIZE_KEY}),
        transcripts.is_transcript,
        transcripts.read_transcript,
    ),
)
"""All shapes. The first one that recognises a row reads it, so those that know more come first."""
