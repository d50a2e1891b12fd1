from datetime import UTC, datetime, timedelta, timezone

import pytest

from chatlake_client.shapes.times import time_text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1741160000.25, "2025-03-05T07:33:20.25Z"),
        (1741160000, "2025-03-05T07:33:20Z"),
        (1741160000250, "2025-03-05T07:33:20.25Z"),
        (1741160000250001, "2025-03-05T07:33:20.250001Z"),
        ("1748700000500000000", "2025-05-31T14:00:00.5Z"),
        ("2025-03-01T08:00:00.123456Z", "2025-03-01T08:00:00.123456Z"),
        ("2023-11-05T07:00:00.000000+00:00", "2023-11-05T07:00:00Z"),
        ("2025-03-01T10:00:00+0200", "2025-03-01T08:00:00Z"),
        ("2025-03-01 10:00", "2025-03-01T10:00:00Z"),
        ("September 20, 2024 11:05am", "2024-09-20T11:05:00Z"),
        ("2024-09-20@11h05m12s", "2024-09-20T11:05:12Z"),
        ("Apr 05, 2025 14:00", "2025-04-05T14:00:00Z"),
        (datetime(2024, 2, 3, 4, 5, 6, 700, UTC), "2024-02-03T04:05:06.0007Z"),
        (datetime(2024, 2, 3, 4, tzinfo=timezone(timedelta(hours=1))), "2024-02-03T03:00:00Z"),
    ],
)
def test_a_time_is_told_in_utc_with_the_decimals_of_its_source(
    value: object, expected: str
) -> None:
    assert time_text(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -5,
        "",
        "soon",
        "2025-13-01T00:00:00Z",
        float("nan"),
        float("inf"),
        10**40,
        [1],
    ],
)
def test_what_is_no_time_is_left_out(value: object) -> None:
    assert time_text(value) is None
