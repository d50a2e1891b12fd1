"""Reads chats that are Markdown: Aider's history, Cursor's exports, and plain transcripts.

Each becomes an object with its messages. Who speaks is told as the applications themselves read
their files:

- Aider-AI/aider, aider/utils.py (`split_chat_history_markdown`): lines with `####` are the user's,
  those with `>` are Aider's own, and all others are the model's. In a block of code they say
  nothing of who speaks.
- Cursor's exports: a rule and the bold name of the speaker stand before each message.
- Other exports have a heading or a bold line before each message, with one word for the speaker:
  `## User`, `**Assistant:**`, `_**Agent (model gpt-5)**_` (specstoryai), `##### ChatGPT said:`.
"""

import re
from collections.abc import Iterator
from typing import Final

from chatlake_client.containers.lines import (
    MAX_LINE_CHARS,
    NOT_TEXT,
    is_text,
    open_text,
    read_lines,
)
from chatlake_client.containers.source import Source
from chatlake_client.records import Json, Rejected, Row

AIDER_START: Final = "# aider chat started at "
AIDER_USER: Final = "####"
AIDER_OUTPUT: Final = ">"
AIDER_QUESTIONS: Final = ("/ask ", "/code ", "/architect ", "/chat-mode ")
"""Commands of Aider whose text goes to the model."""
_AIDER_MODEL: Final = re.compile(r"(?:Main model|Model): (\S+)")
_AIDER_VERSION: Final = re.compile(r"Aider v(\S+)", re.IGNORECASE)
_FENCE: Final = re.compile(r"(`{3,}|~{3,})(.*)")
_CURSOR_HEAD: Final = re.compile(
    r"# (?P<title>[^\n]*)\n+_Exported on (?P<exported>[^\n]*?) from Cursor"
    r"(?: \((?P<version>[^)\n]*)\))?_\s*\n"
)
_CURSOR_SPEAKER: Final = re.compile(r"^---\n\s*\n?\*\*(User|Cursor)\*\*[ ]*\n", re.MULTILINE)
_SPEAKER: Final = re.compile(
    r"(?P<form>#{1,6} +|[*_]{2,4})[\W_]*(?P<word>[A-Za-z]+(?: ?(?:GPT|Input|Response))?)"
    r"(?: said| asked)?(?: *\([^()]*\))?[\W_]*"
)
"""A heading or a bold line with a word, behind which a time or a model may stand."""
_INLINE: Final = re.compile(
    r"(?P<form>\*\*)(?P<word>user|human|you|me|assistant|ai|bot|chatgpt|claude|gemini|copilot)"
    r"(?::\*\*|\*\*:) +(?P<rest>.+)",
    re.IGNORECASE,
)
"""A line that begins with a bold word for a speaker and goes on with what is said."""
_END: Final = re.compile(r"(?:\s*\n(?:---+|\[Timestamp: [^\]\n]*\]))*\s*\Z")
"""What applications write between two messages: a rule, or when the first was said."""
_ABOUT: Final = re.compile(
    r"#{1,3} |<!--|[-*_]{3,}\s*$|>|(?:[-*] )?[*_]*[A-Za-z][A-Za-z_ ]{2,20}:[*_]* *\S|_.*_$"
)
"""What stands before the first message: a title, a comment, a rule, or about what it is."""
ROLES: Final = {
    **dict.fromkeys(("user", "human", "you", "me", "prompt", "question", "user input"), "user"),
    **dict.fromkeys(
        (
            *("assistant", "ai", "bot", "agent", "model", "response", "answer", "chatgpt"),
            *("claude", "gemini", "copilot", "grok", "deepseek", "perplexity", "cursor", "llm"),
            "planner response",
        ),
        "assistant",
    ),
    "system": "system",
}
"""Words for speakers in transcripts, in small letters."""
_CURSOR_ROLES: Final = {"User": "user", "Cursor": "assistant"}


def is_markdown_chat(head: str) -> bool:
    """Tell whether a text begins as a file that can be read here."""
    return (
        head.startswith(AIDER_START)
        or _CURSOR_HEAD.match(head) is not None
        or _begins_with_speakers(head)
    )


def _begins_with_speakers(head: str) -> bool:
    """Tell whether the first speaker that a text names is the user, and another answers."""
    roles = [role for role, _ in _spoken(head.split("\n")) if role]
    return {"user", "assistant"} <= set(roles) and roles[0] != "assistant"


def _spoken(lines: list[str]) -> list[tuple[str, list[str]]]:
    """Return the lines behind each line that names a speaker; nobody says the first ones.

    A speaker is always named in the same way: `## Answer` inside an answer is a part of it where
    others stand behind `#### ChatGPT:`.
    """
    blocks: list[tuple[str, list[str]]] = [("", [])]
    fence, form = "", ""
    words: dict[str, str] = {}
    for line in lines:
        named = None if fence else _SPEAKER.fullmatch(line.strip()) or _INLINE.fullmatch(line)
        word = named["word"].lower() if named else ""
        role = ROLES.get(word, "")
        is_alike = named and role and named["form"] == (form or named["form"])
        if named and is_alike and words.setdefault(role, word) == word:
            form = named["form"]
            rest = named.groupdict().get("rest")
            blocks.append((role, [rest] if rest else []))
            continue
        fence = _fence_after(line, fence)
        blocks[-1][1].append(line)
    return blocks


def _transcript(text: str) -> Json:
    """Return a chat in which headings or bold lines tell who speaks.

    Raises:
        ValueError: A text stands before the first speaker, or a block of code doesn't end.
    """
    (_, before), *blocks = _spoken(text.split("\n"))
    said = [line for line in before if line.strip() and not _ABOUT.match(line)]
    if said:
        raise ValueError(f"{said[0][:80]!r} stands before the first speaker: who says it?")
    titles = [line.strip("# ").strip() for line in before if line.startswith("# ")]
    messages = [
        {"role": role, "content": _END.sub("", "\n".join(lines)).strip()} for role, lines in blocks
    ]
    return {
        "title": titles[0] if titles else None,
        "messages": [message for message in messages if message["content"]],
        "markdownTranscript": True,
    }


def read_markdown(source: Source) -> Iterator[Row | Rejected]:
    """Yield the chats of a file.

    Raises:
        ValueError: A chat is longer than `MAX_LINE_CHARS`.
    """
    with open_text(source, newline=None) as file:
        chats = enumerate(_texts(read_lines(file)), start=1)
        for number, text in chats:
            if not is_text(text):
                yield Rejected(number, NOT_TEXT, text)
                continue
            try:
                chat = _chat(text)
            except ValueError as error:
                yield Rejected(number, str(error), text)
                continue
            if chat["messages"]:
                yield Row(number, chat, source.share())


def _chat(text: str) -> Json:
    if text.startswith(AIDER_START):
        return _aider(text)
    return _cursor(text) if _CURSOR_HEAD.match(text) else _transcript(text)


def _texts(lines: Iterator[str]) -> Iterator[str]:
    """Yield the text of each chat, which begins where Aider was started, or with the file."""
    chat: list[str] = []
    length = 0
    for line in lines:
        if line.startswith(AIDER_START):
            if "".join(chat).strip():
                yield "".join(chat)
            chat, length = [], 0
        if not chat and not line.strip():
            continue
        chat.append(line)
        length += len(line)
        if length > MAX_LINE_CHARS:
            raise ValueError(f"a chat is longer than {MAX_LINE_CHARS} characters")
    if chat:
        yield "".join(chat)


def _aider(text: str) -> Json:
    """Return a chat of Aider.

    Raises:
        ValueError: A block of code doesn't end.
    """
    start, *lines = text.rstrip("\n").split("\n")
    blocks: list[tuple[str, list[str]]] = []
    output: list[str] = []
    fence = ""
    speaker = ""
    for line in lines:
        if not fence and line.startswith(AIDER_OUTPUT):
            output.append(line.removeprefix(AIDER_OUTPUT).strip())
            speaker = "" if speaker == "user" else speaker
            continue
        is_asked = not fence and (line == AIDER_USER or line.startswith(f"{AIDER_USER} "))
        if not is_asked:
            fence = _fence_after(line, fence)
            if speaker != "assistant" and not line.strip():
                continue
        said = line.removeprefix(AIDER_USER).removeprefix(" ").removesuffix("  ")
        role = "user" if is_asked else "assistant"
        if role != speaker:
            blocks.append((role, []))
            speaker = role
        blocks[-1][1].append(said if is_asked else line)
    if fence:
        raise ValueError("a block of code doesn't end: who speaks after it can't be told")
    found = filter(None, map(_AIDER_MODEL.match, output))
    version = filter(None, map(_AIDER_VERSION.match, output))
    messages = _without_commands(blocks, output)
    return {
        "startTime": start.removeprefix(AIDER_START).strip(),
        "model": next((match[1] for match in found), None),
        "version": next((match[1] for match in version), None),
        "messages": messages,
        "aiderOutput": output,
    }


def _without_commands(blocks: list[tuple[str, list[str]]], output: list[str]) -> list[Json]:
    """Return the messages; commands to Aider that no model answered join what Aider says."""
    messages: list[Json] = []
    for place, (role, lines) in enumerate(blocks):
        text = "\n".join(lines).strip()
        following = blocks[place + 1][0] if place + 1 < len(blocks) else ""
        is_command = role == "user" and text.startswith(("/", "!"))
        if is_command and following != "assistant" and not text.startswith(AIDER_QUESTIONS):
            output.append(text)
        elif text:
            messages.append({"role": role, "content": text})
    return messages


def _fence_after(line: str, fence: str) -> str:
    """Return the fence of the block of code that is open after a line; empty where none is."""
    found = _FENCE.match(line.strip())
    if found is None:
        return fence
    mark, rest = found.groups()
    if not fence:
        return mark
    is_end = mark[0] == fence[0] and len(mark) >= len(fence) and not rest.strip()
    return "" if is_end else fence


def _cursor(text: str) -> Json:
    """Return a chat that Cursor exported.

    Raises:
        ValueError: Something stands before the first message, or the text has no such beginning.
    """
    head = _CURSOR_HEAD.match(text)
    if head is None:
        raise ValueError("neither a chat of Aider nor one of Cursor")
    before, *pieces = _CURSOR_SPEAKER.split(text[head.end() :])
    if before.strip():
        raise ValueError("a text stands before the first speaker: who says it can't be told")
    speakers, texts = pieces[::2], pieces[1::2]
    messages = [
        {"role": _CURSOR_ROLES[speaker], "content": said.strip()}
        for speaker, said in zip(speakers, texts, strict=True)
    ]
    return {
        "title": head["title"].strip(),
        "version": head["version"],
        "messages": messages,
        "cursorExport": head["exported"],
    }
