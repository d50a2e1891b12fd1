import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ingest.decoding.strict_json import JsonLimits, parse
from app.ingest.errors import LimitExceeded, MalformedBody

LIMITS = JsonLimits(max_turns=10_000, max_nesting=64, max_object_keys=1_000)

_NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
_VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def _nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@given(_VALUES, st.booleans())
def test_json_of_rfc_8259_is_read_as_python_reads_it(value: Any, escaped: bool) -> None:
    # Lone surrogates can be escaped but not encoded; the contract refuses them by field.
    body = json.dumps(value, ensure_ascii=escaped).encode("utf-8", "replace")
    assert parse(body, LIMITS) == json.loads(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_malformed(body: bytes) -> None:
    try:
        parse(body, LIMITS)
    except MalformedBody as error:
        assert str(error)


@given(st.text(st.sampled_from('[]{}",:0123456789.eE+-\\ntruefalsNaIity \u00e9'), max_size=80))
def test_anything_that_looks_like_json_is_a_value_or_malformed(text: str) -> None:
    try:
        parse(text.encode(), LIMITS)
    except MalformedBody as error:
        assert str(error)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "is empty"),
        (b" ", "is empty"),
        (b'{"a": 1', "line 1 column 8"),
        (b'{"a": "unfinished', "not JSON"),
        (b'{"a": 1} {"b": 2}', "Extra data"),
        (b"{'a': 1}", "not JSON"),
        (b'{"a": 1,}', "not JSON"),
        (b'{"a": 01}', "not JSON"),
        (b'"line\nbreak"', "Invalid control character"),
        (b'"\\x41"', "Invalid \\\\escape"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), "not JSON"),
        ('{"a": 1}'.encode("utf-32"), "not UTF-8"),
        (b'"caf\xe9"', "not UTF-8: .* at byte 4"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b'"\xc0\x80"', "not UTF-8"),
        (b'{"a": NaN}', "NaN"),
        (b"Infinity", "Infinity"),
        (b"[-Infinity]", "-Infinity"),
        (b'{"a": 1, "b": 2, "a": 3}', "'a' appears twice"),
        (b'{"x": {"a": 1, "\\u0061": 2}}', "'a' appears twice"),
        (b"1e999", "1e999 doesn't fit"),
        (b"-1e999", "-1e999 doesn't fit"),
        (str(2**63).encode(), "9223372036854775808 doesn't fit"),
        (str(-(2**63) - 1).encode(), "-9223372036854775809 doesn't fit"),
        (b"9" * 100_000, "doesn't fit in 64 bits"),
        (b"-" + b"9" * 100_000, "doesn't fit in 64 bits"),
    ],
)
def test_invalid_or_ambiguous_json_is_malformed_with_the_reason(body: bytes, problem: str) -> None:
    with pytest.raises(MalformedBody, match=problem) as caught:
        parse(body, LIMITS)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 0, -1])
def test_integers_of_64_bits_are_kept(number: int) -> None:
    assert parse(str(number).encode(), LIMITS) == number


def test_a_float_is_read_as_the_nearest_double() -> None:
    assert parse(b"[0.1, 1e308, -0.0, 5e-324]", LIMITS) == [0.1, 1e308, 0.0, 5e-324]
    assert math.copysign(1, parse(b"-0.0", LIMITS)) == -1


@pytest.mark.parametrize("depth", [0, 1, 63, 64])
def test_nesting_up_to_the_limit_is_taken(depth: int) -> None:
    parse(_nested(depth) or b"0", LIMITS)


@pytest.mark.parametrize("depth", [65, 66, 1_000, 100_000])
def test_deeper_nesting_exceeds_the_limit(depth: int) -> None:
    with pytest.raises(LimitExceeded) as caught:
        parse(_nested(depth), LIMITS)
    assert (caught.value.limit, caught.value.maximum) == ("max_nesting", 64)


def test_nesting_of_objects_and_lists_is_limited_everywhere() -> None:
    body = b'{"agent_id": "a", "ignored": ' + b'[{"k":' * 40 + b"0" + b"}]" * 40 + b"}"
    with pytest.raises(LimitExceeded, match="max_nesting"):
        parse(body, LIMITS)


def test_brackets_that_do_not_nest_do_not_count() -> None:
    assert len(parse(b"[" + b",".join([b"[]"] * 5_000) + b"]", LIMITS)) == 5_000
    assert parse(json.dumps("[" * 5_000).encode(), LIMITS) == "[" * 5_000


@pytest.mark.slow
@given(_VALUES)
def test_the_depth_that_is_allowed_is_the_depth_that_is_counted(value: Any) -> None:
    def depth(value: Any) -> int:
        if not isinstance(value, list | dict):
            return 0
        children = value.values() if isinstance(value, dict) else value
        return 1 + max(map(depth, children), default=0)

    limits = JsonLimits(max_turns=1, max_nesting=2, max_object_keys=1_000)
    body = json.dumps(value).encode()
    if depth(value) > limits.max_nesting:
        with pytest.raises(LimitExceeded):
            parse(body, limits)
    else:
        parse(body, limits)


def test_an_object_may_have_as_many_keys_as_the_limit_says() -> None:
    full = json.dumps({str(i): i for i in range(1_000)}).encode()
    assert len(parse(full, LIMITS)) == 1_000


@pytest.mark.parametrize("keys", [1_001, pytest.param(100_000, marks=pytest.mark.slow)])
def test_more_keys_exceed_the_limit(keys: int) -> None:
    body = json.dumps({"inner": {str(i): i for i in range(keys)}}).encode()
    with pytest.raises(LimitExceeded) as caught:
        parse(body, LIMITS)
    assert (caught.value.limit, caught.value.maximum) == ("max_object_keys", 1_000)


def test_a_long_duplicate_key_does_not_fill_the_message() -> None:
    key = "k" * 10_000
    with pytest.raises(MalformedBody) as caught:
        parse(f'{{"{key}": 1, "{key}": 2}}'.encode(), LIMITS)
    assert len(str(caught.value)) < 200


def test_a_body_of_countless_small_objects_is_refused_before_it_is_parsed() -> None:
    body = b'{"ignored": [' + b"[]," * 50 + b"[]]}"
    with pytest.raises(LimitExceeded, match="max_brackets = 50"):
        parse(body, JsonLimits(10, 64, 10, max_brackets=50))
