"""Makes conversations and their facts, and plain versions of the functions under test."""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from itertools import cycle
from random import Random
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.curating.decide import decisions
from app.curation.rules.curating.duplicates.minhash import bands
from app.curation.rules.curating.parameters import CuratingParameters
from app.curation.rules.curating.prompts import prompts
from app.curation.rules.curating.quality.signals import signals
from app.curation.rules.interface import NO_NETWORKS, Outcomes, TextReader
from catalog.stages.tables import COMPUTED_STAGES, DROPPED_ARROW_SCHEMA
from tests.batches import ROWS, cut

SCHEMA = COMPUTED_STAGES["cleaned"].arrow_schema
CONVERSATION = SCHEMA.field("conversation").type
NO_RULES = CuratingParameters(
    min_words=0,
    max_failed_ratio=1,
    max_loop_ratio=1,
    max_repeated_turn_ratio=1,
    min_net_rating=-(10**9),
)
"""Thresholds that no row is past: only duplicates and large contributors lose rows."""

Conversation = list[dict[str, Any]]


def turns(*contents: str, ratings: Sequence[str | None] = ()) -> Conversation:
    """Return alternate turns of a user and an assistant, the first of them rated."""
    roles = cycle(("user", "assistant"))
    rated = [*ratings, *[None] * len(contents)]
    return [
        {"role": role, "content": content, "rating": rating, "stopped": False}
        for role, content, rating in zip(roles, contents, rated, strict=False)
    ]


def calling(
    conversation: Conversation, place: int, arguments: str, content: str = ""
) -> Conversation:
    """Return a conversation in which a turn of an assistant that calls a tool is put in."""
    call = {"id": f"call {place}", "name": "weather", "arguments": arguments}
    turn = {"role": "assistant", "content": content, "stopped": False, "tool_calls": [call]}
    return [*conversation[:place], turn, *conversation[place:]]


def column(*conversations: Conversation) -> pa.Array:
    """Return conversations as the column `conversation` of a stage."""
    return pa.array(conversations, CONVERSATION)


_TEXTS: Final = (
    "",
    "two words",
    "of three words and more",
    "中文 and words",
    "again and again and again and again",
    "line\nline\nso on...",
    "I'm sorry, but I cannot help with that.",
    "<b>ÄÖ\u0301</b>\n\nİ",
)


@cache
def many() -> list[Conversation]:
    """Return different conversations of up to three turns, as many as `tests.batches` needs."""
    return [
        turns(
            *(f"{_TEXTS[(7 * row + turn) % len(_TEXTS)]} w{row} x{row}" for turn in range(row % 4)),
            ratings=[None, "positive", "negative"][row % 3 :],
        )
        for row in range(ROWS)
    ]


def row_id(number: int) -> str:
    return f"00000000-0000-7000-8000-{number:012}"


def facts(conversations: Sequence[Conversation], **columns: Sequence[Any]) -> pa.Table:
    """Return the facts of rows that were received one after another.

    Args:
        conversations: The conversation of each row.
        columns: Values of columns that are to differ from the defaults. Those of `content_hash` are
            texts, which are hashed.
    """
    number, texts = len(conversations), column(*conversations)
    if "content_hash" in columns:
        columns["content_hash"] = [_sha256(each) for each in columns["content_hash"]]
    start = datetime(2026, 3, 1, tzinfo=UTC)
    made = {
        "contribution_id": [row_id(place) for place in range(number)],
        "received_at": [start + timedelta(seconds=place) for place in range(number)],
        "source": [None] * number,
        "contributor_id": [None] * number,
        "content_hash": [_sha256(repr(turns)) for turns in conversations],
        "language": ["en"] * number,
        "signals": signals(texts),
        "bands": bands(texts),
        "prompt": prompts(texts),
        "evaluation_set": [None] * number,
        "overlap": [None] * number,
        "sequence_number": [1] * number,
    } | columns
    fields = [SCHEMA.field(name) for name in made]
    return pa.table(
        [
            values if isinstance(values, pa.Array) else pa.array(values, field.type)
            for field, values in zip(fields, made.values(), strict=True)
        ],
        schema=pa.schema(fields),
    )


def _sha256(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def reader(conversations: Sequence[Conversation], batch_rows: int = 1000) -> TextReader:
    """Return a reader of the conversations of these rows, in the order of ids as in a scan."""

    def read(ids: Sequence[str], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        places = sorted(int(contribution_id[-12:]) for contribution_id in ids)
        texts = column(*(conversations[place] for place in places))
        known = {
            "contribution_id": pa.array(map(row_id, places), pa.large_string()),
            "conversation": texts,
            "bands": bands(texts),
            "prompt": prompts(texts),
        }
        yield from cut(pa.record_batch({name: known[name] for name in columns}), batch_rows)

    return read


def decide(
    given_facts: pa.Table,
    read_texts: TextReader,
    parameters: CuratingParameters,
    networks: pa.Table = NO_NETWORKS,
) -> pa.Table:
    """Return the rows that are dropped, with the columns of `curated_dropped`."""
    decided = decided_table(given_facts, read_texts, parameters, networks)
    dropped = decided.filter(pc.is_valid(decided["reason"])).select(DROPPED_ARROW_SCHEMA.names)
    return dropped.cast(DROPPED_ARROW_SCHEMA)


def decided_table(
    given_facts: pa.Table,
    read_texts: TextReader,
    parameters: CuratingParameters,
    networks: pa.Table = NO_NETWORKS,
    known: Outcomes | None = None,
) -> pa.Table:
    """Return all that is decided of rows, which may come in any order."""
    return decisions(
        in_order(given_facts).to_batches(), read_texts, parameters, networks, known
    ).between(datetime.min.replace(tzinfo=UTC), None)


def in_order(given_facts: pa.Table) -> pa.Table:
    """Return facts in the order of receipt, as a stage has them."""
    return given_facts.sort_by([("received_at", "ascending"), ("contribution_id", "ascending")])


_UNSPACED = ("CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "THAI", "LAO", "MYANMAR", "KHMER")


@cache
def plain_words(text: str) -> list[str]:
    """Return the words of a text, found character by character."""
    words: list[str] = []
    # Whether the character before is in a word, and whether that word may go on.
    in_word = goes_on = False
    # One character for each, as in Arrow: Python has two for a dotted capital I.
    for character in (original.lower()[0] for original in text):
        kind = unicodedata.category(character)[0]
        if kind not in "LMN" or (kind == "M" and not in_word):
            in_word = goes_on = False
            continue
        unspaced = _unspaced(character)
        if goes_on and not unspaced:
            words[-1] += character
        else:
            words.append(character)
        in_word, goes_on = True, not unspaced
    return words


@cache
def _unspaced(character: str) -> bool:
    """Tell whether a character is of a script without spaces, by its name in Unicode."""
    name = unicodedata.name(character, "").removeprefix("HALFWIDTH ").removeprefix("COMBINING ")
    # Tone marks are of the letter before them, in whatever script it is.
    is_tone_mark = name.startswith("IDEOGRAPHIC") and name.endswith("TONE MARK")
    return not is_tone_mark and name.replace("-", " ").split(" ")[0] in _UNSPACED


def plain_shingles(conversation: Conversation, side: str) -> frozenset[tuple[str, ...]]:
    """Return the distinct runs of words of what one side says."""
    words = plain_words_of(conversation, side)
    marked = ["", *words, "", ""]
    lengths = [3 if word and _unspaced(word[0]) else 2 for word in marked]
    return frozenset(
        tuple(marked[place : place + lengths[place]]) for place in range(len(words) + 1)
    )


def plain_words_of(conversation: Conversation, side: str) -> list[str]:
    """Return the words that one side says."""
    return [
        word
        for turn in conversation
        if turn["role"] == side
        for word in plain_words(turn["content"])
    ]


def plain_jaccard(one: Conversation, other: Conversation, side: str) -> float:
    """Return the Jaccard similarity of what one side says."""
    first, second = (plain_shingles(conversation, side) for conversation in (one, other))
    return len(first & second) / len(first | second)


def plain_similarity(one: Conversation, other: Conversation) -> float:
    """Return how alike two conversations of one answer are."""
    prompts = _plain_shared(one, other, "user")
    answers = max(_plain_shared(one, other, "assistant"), plain_jaccard(one, other, "assistant"))
    return min(prompts, answers)


def _plain_shared(one: Conversation, other: Conversation, side: str) -> float:
    words = (plain_words_of(conversation, side) for conversation in (one, other))
    shorter, longer = sorted(words, key=len)
    starts = range(len(longer) - len(shorter) + 1)
    is_in = any(all(map(_is_plainly_same, shorter, longer[start:])) for start in starts)
    return (len(shorter) / len(longer) if longer else 1) if is_in else 0


def _is_plainly_same(one: str, other: str) -> bool:
    """Tell whether words are equal, or long and one edit apart, by making all edits."""
    if one == other or max(len(one), len(other)) < 4:
        return one == other
    places = range(len(one))
    swapped = {one[:at] + one[at : at + 2][::-1] + one[at + 2 :] for at in places}
    return bool(other in swapped or _cut(one) & {other} or _cut(other) & {one}) or (
        len(one) == len(other) and bool(_holed(one) & _holed(other))
    )


def _cut(word: str) -> set[str]:
    return {word[:at] + word[at + 1 :] for at in range(len(word))}


def _holed(word: str) -> set[tuple[int, str]]:
    return {(at, word[:at] + word[at + 1 :]) for at in range(len(word))}


_ALPHABETS: Final = {
    "english": "abcdefghijklmnoprstuvwy",
    "german": "abdefghiklmnorstuwzäöüß",
    "russian": "абвгдежзиклмнопрстуфхя",
    "hindi": "कखगचजटडतदनपबमयरलवसह",
    "chinese": "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而",
    "japanese": "あいうえおかきくけこさしすせそたちつてとなにぬねのカキクケコサシスセソ日本語人",
}
LANGUAGES: Final = tuple(_ALPHABETS)


class TextWriter:
    """Writes made-up texts in a language and edits them; with the same seed, the same ones."""

    def __init__(self, language: str, seed: int) -> None:
        self.random = Random(f"{language} {seed}")  # noqa: S311 - texts, not secrets
        self._alphabet = _ALPHABETS[language]
        self._gap = "" if language in {"chinese", "japanese"} else " "
        self._vocabulary = sorted({self._word() for _ in range(2000)})

    def sentences(self, number: int) -> list[list[str]]:
        """Return sentences as lists of words."""
        return [
            self.random.choices(self._vocabulary, k=self.random.randint(6, 16))
            for _ in range(number)
        ]

    def text(self, sentences: list[list[str]]) -> str:
        """Return sentences as one text."""
        stop = ". " if self._gap else "。"
        return stop.join(self._gap.join(words).capitalize() for words in sentences) + stop.strip()

    def edited(self, sentences: list[list[str]], rate: float) -> list[list[str]]:
        """Return sentences with a share of the words replaced, left out, added or misspelt."""
        edits: list[Callable[[str], list[str]]] = [
            lambda _: [self._word()],
            lambda _: [],
            lambda word: [word, self._word()],
            lambda word: [word[:-1] + self.random.choice(self._alphabet)],
        ]
        return [
            [
                edited
                for word in words
                for edited in (
                    self.random.choice(edits)(word) if self.random.random() < rate else [word]
                )
            ]
            for words in sentences
        ]

    def _word(self) -> str:
        length = self.random.randint(1, 2) if not self._gap else self.random.randint(2, 9)
        return "".join(self.random.choices(self._alphabet, k=length))


def families(seed: int) -> list[Conversation]:
    """Return conversations in families that are alike, in chains and apart, and some twice."""
    writer = TextWriter(LANGUAGES[seed % len(LANGUAGES)], seed)
    made = []
    for _ in range(8):
        prompt, answer = writer.sentences(2), writer.sentences(8)
        for _ in range(writer.random.randint(1, 6)):
            # Each is an edit of the one before, so the ends of a chain may be unlike.
            answer = writer.edited(answer, 0.03)
            greeting = writer.random.choice(["", "Hello! ", "Good morning, friend! "])
            made.append(turns(greeting + writer.text(prompt), writer.text(answer)))
    writer.random.shuffle(made)
    return made + made[::7]
