"""Cleans texts that are JSON, such as the arguments of a call, so that they stay JSON.

A string is cleaned as the text that it stands for, and written anew only where that changes it;
what is masked in a number becomes a string. All else stays to the byte. Some masks know a thing by
what is before it, such as a word for telephone in the key, so they are also applied to the whole
text; that counts where nothing but values changes.

The grammar is RFC 8259's, but for nesting, which neither changes nor matters here.
"""

import json
import re
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.cleaning.columns import matching, replaced
from app.curation.rules.cleaning.masks.order import MASKS, Counts, apply_masks
from app.curation.rules.cleaning.text import repair

_STRING: Final = r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"'
_NUMBER: Final = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_SPACE: Final = r"[ \t\n\r]*"
_VALUE: Final = rf"(?:(?:{_STRING}|{_NUMBER}|true|false|null){_SPACE})?"
_JSON: Final = rf"\A{_SPACE}{_VALUE}(?:[\[\]{{}},:]{_SPACE}{_VALUE})*\z"
"""Matches, as a regular expression of RE2, every text that is JSON, and others made of the same
tokens."""
_TOKEN: Final = re.compile(f"{_STRING}|{_NUMBER}")
_BARE_PLACEHOLDER: Final = re.compile(
    f"({_STRING})|(" + "|".join(mask.placeholder for mask in MASKS) + ")"
)


def clean_json_once(texts: pa.Array) -> tuple[pa.Array, Counts]:
    """Return texts repaired and masked, and the counts of masks in each; what is JSON stays JSON.

    Args:
        texts: The texts. Those that aren't JSON even when they are repaired are cleaned as any
            other text.
    """
    texts = pc.if_else(pc.match_substring_regex(texts, _JSON), texts, repair(texts))
    indices = matching(texts, _JSON)
    counts = np.zeros((len(texts), len(MASKS)), np.int32)
    values_cleaned, counts[indices] = _with_clean_values(texts.take(pa.array(indices)))
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


def _with_clean_values(texts: pa.Array) -> tuple[pa.Array, Counts]:
    """Return texts of JSON with each value cleaned by itself, and the counts of masks in each."""
    wholes = texts.to_pylist()
    parts = [_TOKEN.split(text) for text in wholes]
    tokens = [_TOKEN.findall(text) for text in wholes]
    owner = np.repeat(np.arange(len(texts)), list(map(len, tokens)))
    stated = [_stated(token) for of_text in tokens for token in of_text]
    values = pa.array([_without_surrogates(value) for value in stated], texts.type)
    cleaned, counts_of_values = apply_masks(repair(values))
    counts = np.zeros((len(texts), len(MASKS)), np.int32)
    np.add.at(counts, owner, counts_of_values)
    new = iter(zip(stated, cleaned.to_pylist(), strict=True))
    made = [
        _joined(between, [_written(token, *next(new)) for token in of_text])
        for between, of_text in zip(parts, tokens, strict=True)
    ]
    return pa.array(made, texts.type), counts


def _stated(token: str) -> str:
    """Return the text of a string, or a number as it is written."""
    if token[0] != '"':
        return token
    text: str = json.loads(token) if "\\" in token else token[1:-1]
    return text


def _without_surrogates(text: str) -> str:
    """Return a text with U+FFFD for each half of a pair of surrogates, which is no character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _written(token: str, before: str, after: str) -> str:
    return token if after == before else json.dumps(after, ensure_ascii=False)


def _joined(between: list[str], tokens: list[str]) -> str:
    return between[0] + "".join(
        token + rest for token, rest in zip(tokens, between[1:], strict=True)
    )


def _quoted(match: re.Match[str]) -> str:
    return match[1] or json.dumps(match[2])


def _frame(text: str) -> str:
    """Return a text of JSON with the same string for each string and number."""
    return _TOKEN.sub('""', text)
