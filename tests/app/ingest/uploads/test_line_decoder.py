"""Lines of an upload: by columns or one by one, each is what `decode` makes of it."""

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ingest.decoding.contributions import Decoded, decode, new_contribution_id
from app.ingest.decoding.senders import Sender
from app.ingest.decoding.strict_json import JsonLimits
from app.ingest.errors import InvalidSubmission, LimitExceeded, MalformedBody
from app.ingest.journal.idempotency import idempotency_key
from app.ingest.uploads import line_decoder
from app.ingest.uploads.columns import read_columns
from app.ingest.uploads.line_decoder import LineDecoder
from app.ingest.uploads.lines import LineCutter, Lines
from catalog.columns.arrow import to_arrow
from catalog.errors import LakeError
from tests.app.ingest.bodies import BODIES, SUBMISSION, edited_bodies
from tests.factories import IDS as KNOWN_IDS
from tests.factories import SENDER, UNGUESSABLE, make_submission

LIMITS = JsonLimits(max_turns=100, max_nesting=64, max_object_keys=1_000)
DECODER = LineDecoder(LIMITS)
IDS = [new_contribution_id() for _ in range(1_000)]
"""Ids of lines, by place in a batch: a line is decoded by itself once for each of its places."""


def _lines(bodies: Iterable[bytes]) -> Lines:
    cutter = LineCutter(1 << 30)
    # The first line is cut off again: a chunk has at least one.
    (lines,) = cutter.feed(b"\n".join([b"{}", *bodies])) + cutter.finish()
    return lines[1:]


@cache
def _outcome(line: bytes, contribution_id: str) -> Decoded | LakeError:
    try:
        return decode(line, LIMITS, contribution_id, SENDER)
    except (MalformedBody, LimitExceeded, InvalidSubmission) as error:
        return error


def _described(error: LakeError) -> tuple[type[LakeError], str, Any]:
    return type(error), str(error), getattr(error, "errors", None)


def _check(lines: Lines) -> None:
    """Check that lines decoded together are what each is by itself."""
    ids = IDS[: len(lines)]
    outcomes = list(map(_outcome, lines, ids))
    accepted = [outcome for outcome in outcomes if isinstance(outcome, Decoded)]
    right = [outcome.contribution for outcome in accepted]
    decoded = DECODER.decode(lines, ids, SENDER)
    decoded.rows.validate(full=True)
    assert decoded.rows.equals(to_arrow(right))
    assert decoded.ignored == sorted({key for outcome in accepted for key in outcome.ignored})
    assert decoded.unowned == sum(not outcome.is_owned for outcome in accepted)
    keys = {
        position: idempotency_key(outcome.contribution, outcome.guessed_id)
        for position, outcome in enumerate(accepted)
    }
    assert decoded.keys == {position: key for position, key in keys.items() if key}
    assert [(number, *_described(error)) for number, error in decoded.wrong] == [
        (number, *_described(outcome))
        for number, outcome in zip(lines.numbers.tolist(), outcomes, strict=True)
        if isinstance(outcome, LakeError)
    ]


def _line(*turns: Any, **fields: Any) -> bytes:
    return json.dumps(make_submission(conversation=list(turns), **fields)).encode()


GOOD = [
    *BODIES,
    _line({"content": "line\nbreak \x7f \u2028 \U0001f600", "rating": ""}, source=""),
    _line({"content": "\x1b[1m\x01\b", "edited_content": "\\u0000"}),
    _line({"content": "a", "role": "\U0001f600" * 512}, ingest_id="x", submitter_id="a/..b"),
    _line({"content": "a"}, ingest_id=UNGUESSABLE),
    _line({"content": "a"}, ingest_id="x", submitter_id=UNGUESSABLE),
    _line({"content": "a"}, submitter_id=UNGUESSABLE),
    _line({"content": "a"}, submitter_id="x"),
    _line(*[{"content": "turn"}] * 100, attribution="", **{"network/attribution": "Ada"}),
    b"  " + _line({"content": ""}) + b" \t\r",
    _line({"content": "", "tool_calls": [{"name": "f", "arguments": "{}"}, {"name": "g"}]}),
    _line({"content": "a", "tool_calls": [], "attachments": None, "alternatives": []}),
    _line({"content": "a", "created_at": "2026-11-29T08:30:00.1+01:00"}, client={"name": "c"}),
    _line({"content": "a", "attachments": [{"kind": "image", "bytes": 2**63 - 1, "name": ""}]}),
    _line({"content": "a", "alternatives": [[{"content": "b"}, {"content": "c"}]]}, client=None),
    _line({"content": "a", "alternatives": [[{"content": "b"}] * 49] * 2}),
]
PLAIN = b'{"agent_id": "a", "conversation": [{"content": "x"}]}'
ODD = {
    "a lone surrogate": _line({"content": "\ud800"}),
    "a lone low surrogate": _line({"content": "\udc00"}),
    "an escaped NUL": _line({"content": "\x00"}),
    "a raw NUL": PLAIN + b"\x00}",
    "a raw NUL in a text": PLAIN.replace(b"x", b"\x00"),
    "nesting": PLAIN[:-1] + b', "ignored": ' + b"[" * 2_000 + b"]" * 2_000 + b"}",
    "nesting of a known field": b'{"agent_id": ' + b"[" * 2_000 + b"]" * 2_000 + b"}",
    "a large integer": PLAIN[:-1] + b', "ignored": 18446744073709551616}',
    "a number for a text": b'{"agent_id": 1, "conversation": [{"content": "x"}]}',
    "a number for a boolean": _line({"content": "a", "stopped": 1}),
    "a text for a boolean": _line({"content": "a", "stopped": "true"}),
    "a key that comes twice": PLAIN[:-1] + b', "agent_id": "b"}',
    "a key that comes twice, null first": b'{"agent_id": null, ' + PLAIN[1:],
    "a key that comes twice, escaped": PLAIN[:-1] + b', "\\u0061gent_id": "a"}',
    "a conversation that comes twice": PLAIN[:-1] + b', "conversation": []}',
    "a key of a turn that comes twice": PLAIN.replace(b'"x"', b'"x", "content": "x"'),
    "an unknown key": PLAIN[:-1] + b', "unknown": null}',
    "an unknown key of a turn": _line({"content": "a", "tokens": 3}),
    "the name of the schema's attribute": PLAIN[:-1] + b', "network_attribution": "a"}',
    "a byte order mark": b"\xef\xbb\xbf" + PLAIN,
    "UTF-16": PLAIN.decode().encode("utf-16"),
    "invalid UTF-8": PLAIN.replace(b"x", b"\xff"),
    "an encoded surrogate": PLAIN.replace(b"x", b"\xed\xa0\x80"),
    "an overlong NUL": PLAIN.replace(b"x", b"\xc0\x80"),
    "a character past the last": PLAIN.replace(b"x", b"\xf4\x90\x80\x80"),
    "NaN": PLAIN.replace(b'"a"', b"NaN"),
    "NaN in an unknown key": PLAIN[:-1] + b', "x": NaN}',
    "Infinity": PLAIN.replace(b'"x"', b"-Infinity"),
    "no turns": _line(),
    "no conversation": b'{"agent_id": "a"}',
    "no object's members": b"{}",
    "a null conversation": b'{"agent_id": "a", "conversation": null}',
    "a null turn": b'{"agent_id": "a", "conversation": [null]}',
    "a turn without content": b'{"agent_id": "a", "conversation": [{}]}',
    "a turn with null for content": _line({"content": None}),
    "a null agent_id": b'{"agent_id": null, "conversation": [{"content": "x"}]}',
    "an object for a conversation": b'{"agent_id": "a", "conversation": {"content": "x"}}',
    "texts for turns": b'{"agent_id": "a", "conversation": ["x"]}',
    "too many turns": _line(*[{"content": "a"}] * 101),
    "many turns that are none": b'{"agent_id": "a", "conversation": [' + b"0," * 500 + b"0]}",
    "many keys": json.dumps({str(key): 0 for key in range(1_001)}).encode(),
    "a path to the parent folder": _line({"content": "a"}, ingest_id="../../x"),
    "line feeds in an id": _line({"content": "a"}, submitter_id="a\r\nb"),
    "another control character in a name": _line({"content": "a"}, attribution="a\x85b"),
    "DEL in a role": _line({"content": "a", "role": "\x7f"}),
    "a long id": _line({"content": "a"}, source="\u00e9" * 513),
    "a long role": _line({"content": "a", "role": "a" * 513}),
    "another rating": _line({"content": "a", "rating": "Positive"}),
    "labels": _line({"content": "a"}, labels={"a": "b"}),
    "no labels": _line({"content": "a"}, labels={}),
    "too many labels": _line({"content": "a"}, labels={str(n): "" for n in range(33)}),
    "a label that comes twice": PLAIN[:-1] + b', "labels": {"a": "b", "a": "b"}}',
    "a label that is null": _line({"content": "a"}, labels={"a": None}),
    "a key of a label that is no text": _line({"content": "a"}, labels={"\ud800": "x"}),
    "parts": _line({"content": [{"type": "text", "text": "a"}]}),
    "a data URL in a part": _line({"content": [{"type": "image_url", "image_url": "data:,x"}]}),
    "a data URL in an attachment": _line(
        {"content": "a", "attachments": [{"kind": "image", "text": "data:,x"}]}
    ),
    "a null content beside calls": _line({"content": None, "tool_calls": [{"name": "f"}]}),
    "another spelling of calls": _line(
        {"tool_calls": [{"id": "1", "type": "function", "function": {"name": "f"}}]}
    ),
    "another spelling of reasoning": _line({"content": "a", "reasoning_content": "r"}),
    "a list of tools": _line({"content": "a"}, tools=[{"type": "function"}]),
    "calls that are no list": _line({"content": "a", "tool_calls": {"name": "f"}}),
    "a call that is null": _line({"content": "a", "tool_calls": [None]}),
    "a call without a name": _line({"content": "a", "tool_calls": [{"id": "1"}]}),
    "a call with an empty name": _line({"content": "a", "tool_calls": [{"name": ""}]}),
    "a NUL in arguments": _line(
        {"content": "a", "tool_calls": [{"name": "f", "arguments": "\x00"}]}
    ),
    "a key of a call that comes twice": PLAIN.replace(
        b'"x"', b'"x", "tool_calls": [{"name": "f", "name": "f"}]'
    ),
    "an unknown key of a call": _line({"content": "a", "tool_calls": [{"name": "f", "cost": 1}]}),
    "a client without a name": _line({"content": "a"}, client={}),
    "a client with a null name": _line({"content": "a"}, client={"name": None}),
    "a client that is a text": _line({"content": "a"}, client="c"),
    "a time that is none": _line({"content": "a", "created_at": "today"}),
    "a time without a zone": _line({"content": "a"}, created_at="2026-11-29T08:30:00"),
    "a size below zero": _line({"content": "a", "attachments": [{"kind": "k", "bytes": -1}]}),
    "a size of zero": _line({"content": "a", "attachments": [{"kind": "k", "bytes": 0}]}),
    "a size past 64 bits": _line({"content": "a", "attachments": [{"kind": "k", "bytes": 2**63}]}),
    "a size with a fraction": _line({"content": "a", "attachments": [{"kind": "k", "bytes": 1.0}]}),
    "a digest that is none": _line({"content": "a", "attachments": [{"kind": "k", "sha256": "0"}]}),
    "alternatives that are no lists": _line({"content": "a", "alternatives": [{"content": "b"}]}),
    "an alternative without turns": _line({"content": "a", "alternatives": [[]]}),
    "an alternative that is null": _line({"content": "a", "alternatives": [None]}),
    "a null turn of an alternative": _line({"content": "a", "alternatives": [[None]]}),
    "alternatives of an alternative": _line(
        {"content": "a", "alternatives": [[{"content": "b", "alternatives": []}]]}
    ),
    "too many turns with those of alternatives": _line(
        {"content": "a", "alternatives": [[{"content": "b"}] * 50] * 2}
    ),
    "two objects": PLAIN + PLAIN,
    "two objects apart": PLAIN + b" " + PLAIN,
    "null between objects": PLAIN + b" null " + PLAIN,
    "half an object": PLAIN[:-10],
    "an object's end": b'"}]}',
    "an object and a brace": PLAIN + b"}",
    "an object and garbage in braces": PLAIN + b"{garbage}",
    "a trailing comma": PLAIN[:-1] + b",}",
    "a trailing comma in a list": PLAIN[:-2] + b",]}",
    "a comment": b"{/**/" + PLAIN[1:],
    "single quotation marks": PLAIN.replace(b'"', b"'"),
    "a raw tab in a text": PLAIN.replace(b"x", b"\t"),
    "a carriage return within an object": PLAIN.replace(b" ", b"\r"),
    "a vertical tab before an object": b"\x0b" + PLAIN,
    "an escape that is none": PLAIN.replace(b"x", b"\\x41"),
    "a list": b"[" + PLAIN + b"]",
    "a text": b'"x"',
    "null": b"null",
}


@pytest.mark.slow
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_an_odd_line_among_good_ones_is_what_it_is_by_itself(odd: bytes) -> None:
    read_by_columns = ODD["a carriage return within an object"], ODD["a size of zero"]
    assert read_columns(_lines([odd]), LIMITS) is None or odd in read_by_columns
    for position in (0, 3, len(GOOD)):
        _check(_lines([*GOOD[:position], odd, *GOOD[position:]]))


@pytest.mark.slow
def test_an_object_over_two_lines_is_two_wrong_lines() -> None:
    for at in range(1, len(PLAIN)):
        _check(_lines([PLAIN, PLAIN[:at], PLAIN[at:], PLAIN]))


@pytest.mark.slow
@settings(max_examples=450)
@given(st.sampled_from([1, 2, 4, 30]).flatmap(edited_bodies))
def test_edited_lines_are_decoded_together_as_each_is_by_itself(bodies: list[bytes]) -> None:
    _check(_lines(bodies))


@pytest.mark.slow
@settings(max_examples=100)
@given(st.lists(st.tuples(SUBMISSION, st.booleans()), max_size=6))
def test_valid_lines_are_decoded_together_as_each_is_by_itself(
    submissions: Sequence[tuple[dict[str, Any], bool]],
) -> None:
    _check(
        _lines(
            json.dumps(submission, ensure_ascii=is_escaped).encode()
            for submission, is_escaped in submissions
        )
    )


def test_lines_that_are_plainly_right_are_read_by_columns() -> None:
    columns = read_columns(_lines(GOOD), LIMITS)
    assert columns is not None
    assert len(columns) == len(GOOD)


def test_of_many_lines_only_the_odd_ones_are_read_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[bytes] = []

    def recorded(body: bytes, limits: JsonLimits, contribution_id: str, sender: Sender) -> Decoded:
        read.append(body)
        return decode(body, limits, contribution_id, sender)

    monkeypatch.setattr(line_decoder, "decode", recorded)
    odd = [b"{}", ODD["an escaped NUL"], b"x", ODD["an unknown key"]]
    _check(_lines([PLAIN] * 70 + odd + [PLAIN] * 30))
    assert read == odd


@pytest.mark.parametrize(
    "limits",
    [
        JsonLimits(max_turns=1, max_nesting=64, max_object_keys=1_000),
        JsonLimits(max_turns=9, max_nesting=2, max_object_keys=1_000),
        JsonLimits(max_turns=9, max_nesting=64, max_object_keys=1),
        JsonLimits(max_turns=9, max_nesting=64, max_object_keys=1_000, max_brackets=3),
    ],
    ids=str,
)
def test_no_limit_is_passed_over_by_reading_columns(limits: JsonLimits) -> None:
    lines = _lines([json.dumps(make_submission()).encode()])
    assert read_columns(lines, limits) is None
    ((_, error),) = LineDecoder(limits).decode(lines, [new_contribution_id()], SENDER).wrong
    assert isinstance(error, LimitExceeded)


def test_lines_with_another_id_than_the_key_of_the_request_are_wrong() -> None:
    key = "clc_" + "Abcdefghij" * 4 + "xyz"
    sender = Sender(KNOWN_IDS, key)
    own = _line({"content": "a"}, submitter_id=key)
    lines = _lines([PLAIN, _line({"content": "a"}, submitter_id=UNGUESSABLE), own])
    decoded = DECODER.decode(lines, IDS[:3], sender)
    contributor_id = KNOWN_IDS.contributor_id(key)
    assert decoded.rows["contributor_id"].to_pylist() == [contributor_id] * 2
    ((_, error),) = decoded.wrong
    assert isinstance(error, InvalidSubmission)
    assert list(error.errors) == ["submitter_id"]
    alone = DECODER.decode(_lines([PLAIN, own]), IDS[:2], sender)
    assert alone.rows["contributor_id"].to_pylist() == [contributor_id] * 2
