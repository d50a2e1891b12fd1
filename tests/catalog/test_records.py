from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.records import Turn, time_of
from tests.factories import make_contribution

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MILLISECOND = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)


def test_the_example_of_rfc_9562_has_its_stated_time() -> None:
    expected = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)
    assert time_of("017f22e2-79b0-7cc3-98c4-dc0c0c07398f") == expected


@pytest.mark.slow
@given(st.integers(0, _LAST_MILLISECOND), st.integers(0, 2**12 - 1), st.integers(0, 2**62 - 1))
def test_the_time_of_an_id_is_its_leading_milliseconds_whatever_follows(
    milliseconds: int, high: int, low: int
) -> None:
    made = UUID(int=milliseconds << 80 | 7 << 76 | high << 64 | 2 << 62 | low)
    assert made.version == 7
    assert (time_of(str(made)) - _EPOCH) / timedelta(milliseconds=1) == milliseconds


def test_fields_of_a_turn_that_its_client_did_not_send_are_empty() -> None:
    assert Turn("Hi") == Turn(
        content="Hi", role=None, rating=None, stopped=False, edited_content=None
    )


def test_records_do_not_change() -> None:
    with pytest.raises(AttributeError):
        make_contribution().source = "other"  # type: ignore[misc]  # what must not work
    with pytest.raises(AttributeError):
        Turn("Hi").content = "Ho"  # type: ignore[misc]  # what must not work
