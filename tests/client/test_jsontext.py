import json

import pytest

from chatlake_client import jsontext


def test_a_missing_number_of_python_writers_is_null() -> None:
    assert jsontext.parse('{"a": NaN, "b": -Infinity}') == {"a": None, "b": None}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_bytes_are_read_in_any_unicode_encoding(encoding: str) -> None:
    assert jsontext.parse('{"a": "ü"}'.encode(encoding)) == {"a": "ü"}


@pytest.mark.parametrize("levels", [jsontext.MAX_NESTING + 1, 100_000])
def test_a_deep_row_is_an_error_and_not_a_crash(levels: int) -> None:
    with pytest.raises(ValueError, match="nested"):
        jsontext.parse_row("[" * levels + "1" + "]" * levels)


def test_a_row_may_nest_up_to_the_limit() -> None:
    levels = jsontext.MAX_NESTING
    jsontext.parse_row("[" * levels + "1" + "]" * levels)


def test_a_lone_surrogate_is_written_as_an_escape() -> None:
    assert jsontext.dump(["ü", "\ud800"]) == b'["\\u00fc", "\\ud800"]'


def test_text_is_written_as_utf_8() -> None:
    assert jsontext.dump(["ü"]) == '["ü"]'.encode()


def test_the_canonical_form_does_not_depend_on_the_order_of_keys() -> None:
    one = jsontext.canonical({"a": 1, "b": {"c": "ü", "d": None}})
    assert one == jsontext.canonical({"b": {"d": None, "c": "ü"}, "a": 1})
    assert json.loads(one) == {"a": 1, "b": {"c": "ü", "d": None}}


def test_a_key_that_an_object_has_twice_is_named() -> None:
    text = '{"a": [{"role": "user", "b": 1, "role": "tool"}]}'
    for parse in (jsontext.parse, jsontext.parse_row, lambda text: jsontext.parse_at(text, 0)):
        with pytest.raises(jsontext.RepeatedKeyError, match="the key 'role' appears twice in one"):
            parse(text)
