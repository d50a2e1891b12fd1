"""Cleans texts that are JSON, such as the arguments of a call, so that they stay JSON.

A string is cleaned as the text that it stands for, and written anew only where that changes it;
what is masked in a number becomes a string. All else stays to the byte. Some masks know a thing by
what is before it, such as a word for telephone in the key, so they are also applied to the whole
text; that counts where nothing but values changes.

The grammar is RFC 8259's, but for nesting, which neither changes nor matters here.
"""

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.cleaning.columns import matching, replaced
from app.curation.rules.cleaning.masks.mask import ANY_PLACEHOLDER
from app.curation.rules.cleaning.masks.order import KINDS, Counts, apply_masks
from app.curation.rules.cleaning.masks.person_name import NameRecogniser
from app.curation.rules.cleaning.text import repair

BLOCK_BYTES: Final = 1 << 20
"""Bytes of texts whose values are held as Python's objects at a time, unless one text has more."""
_MIN_CHARACTERS: Final = 8
"""Characters of the shortest string, with its quotes, that a mask may find something in."""
_ESCAPE: Final = r'\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})'
_STRING: Final = rf'"(?:[^"\\\x00-\x1f]|{_ESCAPE})*"'
_WHOLE_STRING: Final = rf'"(?:[^"\\\x00-\x1f]++|{_ESCAPE})*+"'
"""The same for Python, which otherwise remembers every character to go back to it."""
_NUMBER: Final = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_SPACE: Final = r"[ \t\n\r]*"
_VALUE: Final = rf"(?:(?:{_STRING}|{_NUMBER}|true|false|null){_SPACE})?"
_JSON: Final = rf"\A{_SPACE}{_VALUE}(?:[\[\]{{}},:]{_SPACE}{_VALUE})*\z"
"""Matches, as a regular expression of RE2, every text that is JSON, and others made of the same
tokens."""
_TOKEN: Final = re.compile(f"{_WHOLE_STRING}|{_NUMBER}")
_BARE_PLACEHOLDER: Final = re.compile(f"({_WHOLE_STRING})|({ANY_PLACEHOLDER})")


def clean_json_once(
    texts: pa.Array, recogniser: NameRecogniser | None = None
) -> tuple[pa.Array, Counts]:
    """Return texts repaired and masked, and the counts of masks in each; what is JSON stays JSON.

    Args:
        texts: The texts. Those that aren't JSON even when they are repaired are cleaned as any
            other text, but for names.
        recogniser: Finds the names of people in values; None to leave them.
    """
    texts = pc.if_else(pc.match_substring_regex(texts, _JSON), texts, repair(texts))
    indices = matching(texts, _JSON)
    counts = np.zeros((len(texts), len(KINDS)), np.int32)
    values_cleaned, counts[indices] = _with_clean_values(texts.take(pa.array(indices)), recogniser)
    texts = replaced(texts, indices, values_cleaned)
    masked, more = apply_masks(texts)
    changed = indices[more[indices].any(axis=1)]
    befores, afters = (each.take(pa.array(changed)).to_pylist() for each in (texts, masked))
    afters = [_BARE_PLACEHOLDER.sub(_quoted, after) for after in afters]
    spoilt = [_frame(one) != _frame(other) for one, other in zip(befores, afters, strict=True)]
    more[changed[spoilt]] = 0
    kept = [
        before if is_spoilt else after
        for before, after, is_spoilt in zip(befores, afters, spoilt, strict=True)
    ]
    return replaced(masked, changed, kept), counts + more


def _with_clean_values(
    texts: pa.Array, recogniser: NameRecogniser | None
) -> tuple[pa.Array, Counts]:
    """Return texts of JSON with each value cleaned by itself, and the counts of masks in each."""
    counts = np.zeros((len(texts), len(KINDS)), np.int32)
    made: list[str] = []
    sizes = np.cumsum(pc.binary_length(texts).to_numpy())
    bounds = np.searchsorted(sizes, np.arange(0, sizes[-1:].sum() + 1, BLOCK_BYTES)).tolist()
    for begin, end in pairwise([*dict.fromkeys(bounds), len(texts)]):
        block = texts.slice(begin, end - begin).to_pylist()
        tokens = [list(_worth_cleaning(text)) for text in block]
        stated = [_stated(token[0]) for of_text in tokens for token in of_text]
        values = pa.array([_without_surrogates(value) for value in stated], texts.type)
        cleaned, masked = apply_masks(repair(values), recogniser)
        np.add.at(counts, np.repeat(np.arange(begin, end), list(map(len, tokens))), masked)
        pairs = iter(zip(stated, cleaned.to_pylist(), strict=True))
        made += [
            _changed(text, [(token, *next(pairs)) for token in of_text])
            for text, of_text in zip(block, tokens, strict=True)
        ]
    return pa.array(made, texts.type), counts


def _worth_cleaning(text: str) -> Iterator[re.Match[str]]:
    """Yield the strings and numbers of a text of JSON, but those in which nothing can be found."""
    for match in _TOKEN.finditer(text):
        token = match[0]
        if len(token) >= _MIN_CHARACTERS or "\\" in token or not _is_printable_ascii(token):
            yield match


def _is_printable_ascii(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _changed(text: str, values: list[tuple[re.Match[str], str, str]]) -> str:
    """Return a text of JSON with other values.

    Args:
        text: The text.
        values: For each string or number in question its place, its value before and after.
    """
    parts, rest = [], 0
    for match, before, after in values:
        if after != before:
            parts += [text[rest : match.start()], json.dumps(after, ensure_ascii=False)]
            rest = match.end()
    return "".join(parts) + text[rest:]


def _stated(token: str) -> str:
    """Return the text of a string, or a number as it is written."""
    if token[0] != '"':
        return token
    text: str = json.loads(token) if "\\" in token else token[1:-1]
    return text


def _without_surrogates(text: str) -> str:
    """Return a text with U+FFFD for each half of a pair of surrogates, which is no character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _quoted(match: re.Match[str]) -> str:
    return match[1] or json.dumps(match[2])


def _frame(text: str) -> str:
    """Return a text of JSON with the same string for each string and number."""
    return _TOKEN.sub('""', text)
