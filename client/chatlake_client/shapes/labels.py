"""Makes labels of what a source knows of a conversation and no field holds.

Exports of applications and logs hold data of accounts beside what they say of a conversation, so
their shapes name the keys that become labels. Rows of data sets may have any column, so all become
labels but those whose names say that they identify, count or locate.
"""

import math
import re
from functools import lru_cache
from typing import Final

from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.meaning import is_verdict, means_something

MAX_LABEL_CHARACTERS: Final = 500
"""How long a text may be that becomes a label."""
MAX_KEY_CHARACTERS: Final = 512
"""How long the key of a label may be that the service takes."""

_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


_OF_ACCOUNTS: Final = _words(
    "user userid uid username useragent account owner author customer contact login handle name",
    "nickname email emailaddress mail phone mobile address ip ipaddress header cookie birthday dob",
    "ssn passport key apikey token secret password credential auth authorization session device",
    "worker annotator rater judge",
    "country state city cities region location zip zipcode postcode latitude longitude lat lon lng",
)
_OF_RECORDS: Final = _words(
    "id uuid guid hash digest index idx time timestamp tstamp date created updated tokens",
    "latency usage url uri path file filename version text content",
)


def labels_of(fields: Fields, *keys: str) -> dict[str, str]:
    """Take the keys that hold a short text, a number, a flag or a list of these; return texts."""
    found: dict[str, str] = {}
    for key in keys:
        text = _text(fields.peek(key))
        if text:
            found[key] = text
            fields.take(key)
    return found


def other_labels(row: Fields) -> dict[str, str]:
    """Take all keys of a data set's row that can be labels; return their texts."""
    return labels_of(row, *filter(lambda key: _is_label(key, row), row.keys()))


def stated_labels(row: Fields) -> dict[str, str]:
    """Take the labels that chatlake's own rows state by that name, however long."""
    if not isinstance(row.peek("labels"), dict):
        return {}
    labels = row.nested("labels")
    found = ((key, labels.label(key)) for key in labels.keys())  # noqa: SIM118  # keys are taken
    return {key: text for key, text in found if text}


def _is_label(key: str, row: Fields) -> bool:
    if not _can_be_label(key):
        return False
    # What carries meaning otherwise is a part of the conversation, which no label can be.
    return is_verdict(key) or not means_something(key, row.peek(key), row.level, ())


@lru_cache(maxsize=1024)
def _can_be_label(key: str) -> bool:
    words = {word.lower() for word in _WORD.findall(key)}
    singular = {word.removesuffix(ending) for word in words for ending in ("s", "es")}
    is_name = 0 < len(key) <= MAX_KEY_CHARACTERS and key.isprintable()
    return is_name and (words | singular).isdisjoint(_OF_ACCOUNTS | _OF_RECORDS)


def _text(value: object) -> str | None:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return str(value) if math.isfinite(value) else None
        case str():
            return value if value.strip() and len(value) <= MAX_LABEL_CHARACTERS else None
        case list() if not any(isinstance(item, list | dict) for item in value):
            texts = list(map(_text, value))
            joined = ", ".join(filter(None, texts))
            return joined if all(texts) and len(joined) <= MAX_LABEL_CHARACTERS else None
    return None
