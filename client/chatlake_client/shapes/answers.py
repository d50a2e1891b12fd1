"""Reads the answers of models, in the forms of many services.

A chat completion, a response of OpenAI's Responses API, a message of Anthropic's, Ollama's and
Bedrock's answers, and LangChain's generations.

Sources: openai/openai-python, src/openai/types/chat and types/responses;
anthropics/anthropic-sdk-python, src/anthropic/types; ollama/ollama, docs/api.md; Bedrock's
documentation of Converse; stanford-crfm/helm, src/helm/common/request.py;
langchain-ai/langchain, libs/core/langchain_core/outputs.
"""

from chatlake_client.conversation import Turn
from chatlake_client.errors import RowError
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.message import turns_of_message
from chatlake_client.shapes.messages import turns_of_list
from chatlake_client.shapes.parts import turns_of_parts
from chatlake_client.shapes.responses import turns_of_items
from chatlake_client.shapes.times import time_text
from chatlake_client.shapes.vocabulary import unwrapped

TEXT_KEYS = ("text", "completion", "generation", "output", "response", "answer", "output_text")
"""Keys of answers that are a text alone: Cohere's, Llama's on Bedrock, and applications' own."""
PARAMETERS = ("thinking", "reasoning", "audio", "function_call", "conversation")
"""How a request wants to be answered; the same names mean contents elsewhere."""


def read_answer(
    answer: Fields,
) -> tuple[list[list[Turn]], str | None, str | None, str | None]:
    """Return the choices of an answer, its model, its id and its time."""
    # A response of the Responses API repeats what it was asked with.
    answer.leave("error", "tools", "instructions", "prompt", *PARAMETERS)
    model, id_ = answer.label("model"), answer.label("id")
    created_at = time_text(answer.take("created", "created_at"))
    choices = [turns for turns in _choices(answer) if turns]
    for turns in choices:
        turns[-1].role = turns[-1].role or "assistant"
        for turn in turns:
            if turn.role != "tool":
                turn.model, turn.created_at = model, created_at
    return choices, model, id_, created_at


def choices_of(values: list[object], row: Fields) -> list[list[Turn]]:
    """Return the turns of a list of answers: choices, the messages of one answer, or texts."""
    if all(isinstance(value, str) for value in values):
        return [[Turn("assistant", str(value))] for value in values]
    choices = [row.inner(value, "response[]") for value in values]
    if all(
        "message" in choice or ("text" in choice and not choice.has("role")) for choice in choices
    ):
        return [turns for turns in map(_choice, sorted(choices, key=_index)) if turns]
    return [turns_of_list(row, [choice.rest() for choice in choices], "response")]


def _choices(answer: Fields) -> list[list[Turn]]:
    """Return the turns of each choice of an answer; none of an answer of an unknown form."""
    if "choices" in answer:
        return [_choice(choice) for choice in sorted(answer.objects("choices"), key=_index)]
    if isinstance(answer.peek("completions"), list):
        return [_choice(choice) for choice in answer.objects("completions")]
    if isinstance(answer.peek("generations"), list):
        return _generations(answer)
    only = _only_choice(answer)
    return [only] if only else []


def _only_choice(answer: Fields) -> list[Turn]:
    output, content = answer.peek("output"), answer.peek("content")
    holder = answer.nested("output") if isinstance(output, dict) and "message" in output else answer
    if isinstance(holder.peek("message"), dict):
        # Ollama's and Bedrock's.
        return turns_of_message(holder.nested("message", level=Level.TURN))
    if isinstance(output, list):
        answer.leave("output_text")
        return turns_of_items(answer.objects("output"), "assistant", "")
    if isinstance(content, list):
        role = answer.text("role") or "assistant"
        return turns_of_parts(answer.objects("content"), role, "\n")
    if answer.peek("role") and (content is not None or answer.peek("tool_calls")):
        return turns_of_message(answer)
    return _messages_or_text(answer)


def _messages_or_text(answer: Fields) -> list[Turn]:
    if isinstance(answer.peek("messages"), list):
        return turns_of_list(answer, answer.items("messages"), "messages")
    text = answer.text(*TEXT_KEYS)
    answer.leave("chat_history")
    return [] if text is None else [Turn("assistant", text)]


def _generations(answer: Fields) -> list[list[Turn]]:
    """Read LangChain's answers: a list for each conversation that was asked."""
    asked = answer.items("generations")
    if len(asked) != 1 or not isinstance(asked[0], list):
        raise RowError("generations must hold the answers to one conversation")
    choices = []
    for generation in asked[0]:
        choice = answer.inner(generation, "generations[]")
        message = choice.peek("message")
        if isinstance(message, dict):
            choice.take("message", "text")
            inner = answer.inner(unwrapped(message), "generations[].message", Level.TURN)
            choices.append(turns_of_message(inner))
        else:
            choices.append(_choice(choice))
    return choices


def _index(choice: Fields) -> int:
    """Return the place of a choice; those that don't state one keep the order of the file."""
    index = choice.take("index")
    return index if isinstance(index, int) else 0


def _choice(choice: Fields) -> list[Turn]:
    if "message" in choice:
        return turns_of_message(choice.nested("message", level=Level.TURN))
    text = choice.text("text")
    return [] if text is None else [Turn("assistant", text)]
