import io
import json
import random
import tracemalloc

import pytest

from chatlake_client.containers import json_values
from chatlake_client.containers.json_values import Broken, JsonValues

ROWS = [
    {"a": "{[\"\\'}]", "b": [1, 2.5, None, {"c": "\n\t é 🙂 \ud800"}]},
    [1, [2, [3]]],
    {},
    {"n": 12345678901234567890},
]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_values, "CHUNK_CHARS", 7)


def elements(text: str) -> list[object]:
    return list(JsonValues(io.StringIO(text)).elements())


def values(text: str) -> list[object]:
    return list(JsonValues(io.StringIO(text)).values())


@pytest.mark.parametrize("indent", [None, 1])
def test_elements_and_values_come_out_as_they_went_in(indent: int | None) -> None:
    assert elements(json.dumps(ROWS, indent=indent)) == ROWS
    for between in ("", "\n", " \r\n", "\x1e", "\n\x1e", "\ufeff"):
        text = between.join(json.dumps(row, indent=indent) for row in ROWS)
        assert values(between + text + between) == ROWS


def test_numbers_are_not_cut_where_a_piece_of_the_file_ends() -> None:
    numbers = [10**length for length in range(1, 20)]
    assert elements(json.dumps(numbers)) == numbers
    assert values(" ".join(map(str, numbers))) == numbers


def test_nan_is_null() -> None:
    assert elements('[NaN, {"a": -Infinity}]') == [None, {"a": None}]


def test_a_broken_value_costs_only_itself() -> None:
    for broken in ('{"a": }', '{"a": 1,, "b": "]"}', "{'a': \"}\"}", '{"a": [1 2]}', "{a}"):
        first, second, third = elements(f'[{{"x": 1}}, {broken}, {{"y": 2}}]')
        assert (first, third) == ({"x": 1}, {"y": 2})
        assert isinstance(second, Broken)
        assert second.text == broken
        assert [type(value) for value in values(f"{{}} {broken} {{}}")] == [dict, Broken, dict]


def test_a_record_that_was_cut_short_costs_only_itself() -> None:
    first, second, third = values('\x1e{"a": 1}\n\x1e{"b": "no end\n\x1e{"c": 3}\n')
    assert (first, third) == ({"a": 1}, {"c": 3})
    assert isinstance(second, Broken)


def test_bytes_that_are_no_text_cost_only_their_value() -> None:
    file = io.TextIOWrapper(io.BytesIO(b'[{}, {"a": "\xff"}, {}]'), errors="surrogateescape")
    first, second, third = JsonValues(file).elements()
    assert (first, third) == ({}, {})
    assert isinstance(second, Broken)
    assert "encoding" in second.reason


@pytest.mark.parametrize("text", ["[{}, {", "[{} {}]", "[{},", '[{"a": "', "[1 2]"])
def test_an_array_that_breaks_off_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        elements(text)


def test_a_value_without_end_is_refused_before_it_fills_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(json_values, "MAX_LINE_CHARS", 100)
    with pytest.raises(ValueError, match="longer than 100 characters"):
        elements('[{"a": "' + "x" * 1000)


def test_a_long_array_is_read_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_values, "CHUNK_CHARS", 64 * 1024)
    text = json.dumps([{"a": "x" * 10_000} for _ in range(1000)])
    file = io.StringIO(text)
    tracemalloc.start()
    assert sum(1 for _ in JsonValues(file).elements()) == 1000
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < len(text) / 5


def test_any_cut_leaves_whole_values_before_it() -> None:
    text = json.dumps(ROWS)
    generator = random.Random(1)  # noqa: S311  # not for secrets
    for _ in range(50):
        cut = generator.randrange(len(text))
        found = []
        try:
            for element in JsonValues(io.StringIO(text[:cut])).elements():
                found.append(element)  # noqa: PERF402  # keeps what came before the error
        except ValueError:
            pass
        assert found == ROWS[: len(found)]


def test_a_value_with_a_repeated_key_costs_only_itself() -> None:
    first, broken, last = values('{"a": 1} {"b": {"c": 1, "c": 2}} {"d": 3}')
    assert (first, last) == ({"a": 1}, {"d": 3})
    assert broken == Broken("the key 'c' appears twice in one object", '{"b": {"c": 1, "c": 2}}')
