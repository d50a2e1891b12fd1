"""Transcripts: one text in which marks tell who speaks.

- `Human:` and `Assistant:` after an empty line: anthropics/hh-rlhf
- Harmony: openai/harmony
- Vicuna's, Alpaca's and DeepSeek's: lm-sys/FastChat, fastchat/conversation.py
- ChatML, and the templates of Llama 2 and 3 and of Gemma: the model cards of their makers
- `### Human:` and `### Assistant:`: timdettmers/openassistant-guanaco, its card
- `[|Human|]` and `[|AI|]` under `input`: project-baize/baize-chatbot, README.md
- `<human>:` and `<bot>:`: LAION-AI/Open-Instruction-Generalist, README.md
"""

import re
from typing import Final

from chatlake_client.conversation import Conversation, Turn
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.harmony import turns_of_harmony
from chatlake_client.shapes.rows import conversation_of
from chatlake_client.shapes.vocabulary import role_of_word

KEYS: Final = ("text", "transcript", "dialogue", "dialog")
BAIZE_KEY: Final = "input"
"""The key of Baize's texts, under which others have a question alone."""
_SPEAKERS: Final = (
    re.compile(r"(?:^|\n\n|\s*### ?)(Human|Assistant): ?"),
    re.compile(r"(?:^|\n)<(human|bot)>: ?"),
)
_NARROW: Final = re.compile(r"(?:^|\n)(Human|Assistant): ?")
"""The marks of texts in which no empty line stands before them, such as BELLE's."""
_ROLES: Final = {
    "Human": "user",
    "Assistant": "assistant",
    "AI": "assistant",
    "human": "user",
    "bot": "assistant",
    "USER": "user",
    "ASSISTANT": "assistant",
}
_WAITING: Final = "\n\nAssistant:"
_OPEN: Final = re.compile(r"\n\n?Assistant:\s*\Z")
_BAR: Final = "\N{FULLWIDTH VERTICAL LINE}"
"""What DeepSeek's marks have in the place of a vertical line."""
_TEMPLATES: Final = (
    re.compile(r"<\|im_start\|>(\w+)\n(.*?)<\|im_end\|>", re.DOTALL),
    re.compile(r"<\|start_header_id\|>(\w+)<\|end_header_id\|>\n\n(.*?)<\|eot_id\|>", re.DOTALL),
    re.compile(r"<start_of_turn>(\w+)\n(.*?)<end_of_turn>", re.DOTALL),
    re.compile(r"<\|(system|user|assistant)\|>\n(.*?)\s*(?:<\|end\|>|</s>)", re.DOTALL),
    re.compile(rf"<{_BAR}(User|Assistant){_BAR}>(.*?)(?=<{_BAR}|\Z)", re.DOTALL),
)
_LLAMA: Final = re.compile(
    r"(?:<s>)?\s*\[INST\]\s*(?:<<SYS>>\n(.*?)\n<</SYS>>\n\n)?(.*?)\s*\[/INST\]\s*"
    r"(.*?)\s*(?=</s>|(?:<s>)?\[INST\]|\Z)(?:</s>)?",
    re.DOTALL,
)
_VICUNA: Final = re.compile(r"(?P<told>(?:[^\n]*\.)?) ?(?P<said>USER: .* ASSISTANT:.*)", re.DOTALL)
_VICUNA_SPEAKER: Final = re.compile(r" ?\b(USER|ASSISTANT): ?")
_BAIZE: Final = re.compile(
    r"(?:The conversation between human and AI assistant\.\n)?"
    r"\[\|Human\|\].*\n\[\|AI\|\].*",
    re.DOTALL,
)
_BAIZE_SPEAKER: Final = re.compile(r"(?:\A|(?<=\n))\[\|(Human|AI)\|\] ?")
_ALPACA: Final = re.compile(
    r"(?:Below is an instruction[^\n]*\n\n)?### Instruction:\n(?P<asked>.*?)\s*"
    r"(?:\n### Input:\n(?P<given>.*?)\s*)?\n### Response:\s*(?P<answered>.*)",
    re.DOTALL,
)
_ENDS: Final = (
    *("<s>", "</s>", "<bos>", "<eos>", "<|begin_of_text|>", "<|end_of_text|>", "<|endoftext|>"),
    *(f"<{_BAR}begin▁of▁sentence{_BAR}>", f"<{_BAR}end▁of▁sentence{_BAR}>"),
)
"""Marks of a text's beginning and end."""


def begins_as_transcript(text: str) -> bool:
    """Tell whether a text begins with the mark of a speaker."""
    return _speaker_of(text) is not None


def _speaker_of(text: str) -> re.Pattern[str] | None:
    """Return the marks with which a text begins; None if it begins with none."""
    return next((marks for marks in _SPEAKERS if marks.match(text)), None)


def turns_of_transcript(text: str) -> list[Turn]:
    """Return the turns of a transcript; none of a text that begins without a mark."""
    marks = _speaker_of(text)
    if marks is None:
        return []
    if marks is _SPEAKERS[0] and _WAITING not in text and _NARROW.search(text):
        marks = _NARROW
    _, *pieces = marks.split(text)
    speakers, texts = pieces[::2], pieces[1::2]
    return [Turn(_ROLES[speaker], said) for speaker, said in zip(speakers, texts, strict=True)]


def is_transcript(row: Json) -> bool:
    """Tell whether the text of a row is a transcript."""
    return _key_in(row) is not None


def _key_in(row: Json) -> str | None:
    """Return the key of the text that is a transcript."""
    texts = ((key, text) for key in KEYS if isinstance(text := row.get(key), str))
    found = (k for k, text in texts if begins_as_transcript(text) or turns_of_template(text))
    return next(found, BAIZE_KEY if _BAIZE.fullmatch(str(row.get(BAIZE_KEY))) else None)


def read_transcript(row: Fields) -> Conversation:
    """Return the turns of the row's text."""
    key = _key_in({key: row.peek(key) for key in (*KEYS, BAIZE_KEY)})
    text = row.text(key or "") or ""
    return conversation_of(row, turns_of_template(text) or turns_of_transcript(text))


def turns_of_template(text: str) -> list[Turn]:
    """Return the turns of a text that a model's template made whole; none of any other text."""
    if messages := turns_of_harmony(text):
        return messages
    for template in _TEMPLATES:
        if _is_left_nothing(template, text):
            return [Turn(role_of_word(role) or role, said) for role, said in template.findall(text)]
    if turns := _turns_between_words(text.strip()):
        return turns
    if not _is_left_nothing(_LLAMA, text):
        return []
    turns = []
    for system, asked, answered in _LLAMA.findall(text):
        if system:
            turns.append(Turn("system", system))
        turns += [Turn("user", asked), *([Turn("assistant", answered)] if answered else [])]
    return turns


def _turns_between_words(text: str) -> list[Turn]:
    """Return the turns of a text of Vicuna or Alpaca, whose marks are words."""
    if found := _VICUNA.fullmatch(text):
        pieces = _VICUNA_SPEAKER.split(found["said"])[1:]
        said = zip(pieces[::2], pieces[1::2], strict=True)
        spoken = [Turn(_ROLES[speaker], one.removesuffix("</s>").strip()) for speaker, one in said]
        return [*([Turn("system", found["told"])] if found["told"] else []), *spoken]
    if _BAIZE.fullmatch(text):
        # The sentence before is a part of the template, and the last mark waits.
        pieces = _BAIZE_SPEAKER.split(text)[1:]
        said = zip(pieces[::2], pieces[1::2], strict=True)
        return [Turn(_ROLES[speaker], one.strip()) for speaker, one in said if one.strip()]
    if found := _ALPACA.fullmatch(text):
        asked = "\n\n".join(filter(None, (found["asked"], found["given"])))
        return [Turn("user", asked), Turn("assistant", found["answered"].removesuffix("</s>"))]
    return []


def _is_left_nothing(template: re.Pattern[str], text: str) -> bool:
    if not template.search(text):
        return False
    left = template.sub("", text)
    for mark in _ENDS:
        left = left.replace(mark, "")
    return not left.strip()


def is_open(text: str) -> bool:
    """Tell whether a text is a transcript that ends where the assistant is about to speak."""
    return _OPEN.search(text) is not None and begins_as_transcript(text)


def turns_of_question(text: str) -> list[Turn]:
    """Return the turns of a question, which may be a transcript that waits for its answer."""
    if not is_open(text):
        return [Turn("user", text)]
    return turns_of_transcript(_OPEN.sub("", text))
