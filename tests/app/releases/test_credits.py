import pyarrow as pa
import pytest

from app.releases.counts.tally import ReleaseTally
from app.releases.credits import (
    Credited,
    decode_credits,
    encode_credits,
    join_look_alikes,
    names_to_credit,
    readable,
)
from catalog.stages.tables import COMPUTED_STAGES
from tests.app.releases.factories import make_row

ADA, EVE = "ada" + "0" * 29, "e4e" + "0" * 29
SCRIPT = "<script>alert(1)</script>"


def tallied(*names: str | None) -> ReleaseTally:
    """Return the counts of one contributor's contributions by these names."""
    rows = [
        make_row(number, attribution=name, contributor_id=ADA) for number, name in enumerate(names)
    ]
    tally = ReleaseTally()
    tally.add(pa.RecordBatch.from_pylist(rows, COMPUTED_STAGES["curated"].arrow_schema))
    return tally


def test_names_are_sorted_by_contributions_and_anonymous_ones_counted() -> None:
    page = encode_credits("2026-11", {"Bob": 2, "Ada": 2, "Zoë Ngọc": 30}, 7).decode()
    lines = page.splitlines()
    assert lines[0] == "Credits of 2026-11"
    assert lines[-5:-1] == ["30\tZoë Ngọc", "2\tAda", "2\tBob", ""]
    assert lines[-1] == "Contributed without a name to credit: 7"
    assert encode_credits("x", {}, 0).endswith(b"a name to credit: 0\n")


@pytest.mark.parametrize(
    "name",
    [
        *(SCRIPT, "J. R. O'Neil", "a@b.example", "&#60;b&#62;", "[x](https://evil.example)", "# 1"),
        *("👩\u200d🔬", "❤\ufe0f", "\u06a9\u200c\u06af", "Жанна", "علی", "1\u0301", "٣", "人"),
    ],
)
def test_a_name_is_in_the_page_as_it_was_written(name: str) -> None:
    page = encode_credits("x", tallied(name).credits(), 0).decode()
    assert f"\n1\t{name}\n" in page


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Ada\nLovelace\r\n30\tBob", "Ada Lovelace 30 Bob"),
        ("Ada\u2028Lovelace\x85", "Ada Lovelace"),
        ("Ada\x00\x1b[31m", "Ada[31m"),
        ("\u202eevil\u2066 \u200ename\u061c", "evil name"),
        ("A\u200bd\u2060a\ufeff\u00ad\u180e\u034f", "Ada"),
        ("Ada\U000e0041\U000e0042\ufe01\U000e0100\ufff9", "Ada"),
        ("Ada\ue000\u0378", "Ada"),
        ("x" * 500, "x" * 200),
    ],
)
def test_invisible_characters_and_those_that_change_direction_are_left_out(
    name: str, kept: str
) -> None:
    assert tallied(name).credits() == {kept: 1}


def test_names_that_differ_by_spaces_are_one_and_blank_ones_are_anonymous() -> None:
    tally = tallied("Ada", " Ada ", "Ada\n", None, "", "  ", "Ada L", "Ada  L")
    assert tally.credits() == {"Ada": 3, "Ada L": 2}
    assert tally.anonymous == 3


@pytest.mark.parametrize(
    "name",
    ["\u200b", "\u200d \u200c", "\u3164", "\u2800\u2800", "\u202e", "\x00", "\ufe0f", "\u115f"],
)
def test_an_invisible_name_counts_as_anonymous(name: str) -> None:
    assert readable(name) == ""
    assert tallied(name).anonymous == 1


@pytest.mark.parametrize(
    "twin",
    [
        # With characters without width; with letters of Cyrillic, Greek and mathematics.
        *("Ad\u200ba", "A\u200dda", "\ufeffAda", "A\u00adda", "\u2066Ada\u2069", "Ada\ufe0f"),
        *("\u0410d\u0430", "\u0391da", "\U0001d400\U0001d41d\U0001d41a", "Ad\u0251"),
    ],
)
def test_names_that_look_alike_are_credited_as_their_most_frequent_spelling(twin: str) -> None:
    assert tallied("Ada", "Ada", "Bob", twin).credits() == {"Ada": 3, "Bob": 1}


def test_names_are_joined_under_the_most_frequent_spelling_or_else_the_first() -> None:
    assert join_look_alikes({"Zoe\u0308": 2, "Zoë": 3, "Zoe": 1}) == {"Zoë": 5, "Zoe": 1}
    assert join_look_alikes({"\u0410da": 2, "Ada": 2}) == {"Ada": 4}
    assert join_look_alikes({"\u0410da": 3, "Ada": 2}) == {"\u0410da": 5}
    assert join_look_alikes({"علی": 1, "علي": 1}) == {"علي": 2}


def test_names_with_other_cases_accents_or_letters_stay_apart() -> None:
    names = {"ADA": 1, "Ada": 1, "Adà": 1, "A da": 1, "A.da": 1, "Aba": 1, "Ада": 1}
    assert join_look_alikes(names) == names


def test_contributors_of_one_name_are_told_apart_by_their_ids() -> None:
    credited = {Credited("Ada", ADA): 3, Credited("\u0410da", EVE): 2, Credited("Ada", None): 1}
    assert names_to_credit(credited) == {
        "Ada [ada00000]": 3,
        "\u0410da [e4e00000]": 2,
        "Ada [anonymous]": 1,
    }


def test_spellings_of_one_contributor_share_a_line_without_an_id() -> None:
    credited = {Credited("Ada", ADA): 3, Credited("\u0410da", ADA): 2, Credited("Eve", EVE): 1}
    assert names_to_credit(credited) == {"Ada": 5, "Eve": 1}


@pytest.mark.parametrize("brackets", ["[]", "()", "\uff3b\uff3d"])
def test_a_name_that_ends_like_one_that_is_told_apart_gets_its_own_id(brackets: str) -> None:
    name = f"Ada {brackets[0]}ada00000{brackets[1]}"
    credited = {Credited(name, EVE): 1, Credited("Ada", ADA): 1}
    assert names_to_credit(credited) == {f"{name} [e4e00000]": 1, "Ada": 1}


def test_rows_are_counted_by_contributor() -> None:
    rows = [
        make_row(number, attribution="Ada", contributor_id=contributor_id)
        for number, contributor_id in enumerate((ADA, EVE, EVE))
    ]
    tally = ReleaseTally()
    tally.add(pa.RecordBatch.from_pylist(rows, COMPUTED_STAGES["curated"].arrow_schema))
    assert tally.credits() == {"Ada [ada00000]": 1, "Ada [e4e00000]": 2}


def test_the_names_are_read_back_from_the_file() -> None:
    credited = {"Zoë Ngọc": 30, "Ada [3f]": 2, SCRIPT: 1}
    assert dict(decode_credits(encode_credits("2026-11", credited, 7).decode())) == credited
    assert list(decode_credits(encode_credits("2026-11", {}, 7).decode())) == []
