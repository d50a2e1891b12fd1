import pytest

from chatlake_client.retry import (
    BACKOFF_JITTER_S,
    BACKOFF_MAX_S,
    RETRY_AFTER_MAX_S,
    backoff_s,
    retry_after_s,
)


def test_the_first_failure_is_not_waited_for() -> None:
    assert backoff_s(1) == 0


def test_waits_double_with_a_random_part() -> None:
    for failures, least_s in ((2, 0.5), (3, 1.0), (4, 2.0)):
        waits_s = {backoff_s(failures) for _ in range(20)}
        assert len(waits_s) > 1
        assert all(least_s <= wait_s <= least_s + BACKOFF_JITTER_S for wait_s in waits_s)


def test_a_wait_after_days_of_failures_is_as_long_as_the_limit() -> None:
    assert backoff_s(100_000) == BACKOFF_MAX_S


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [(None, None), ("soon", None), ("7", 7), ("1000000", RETRY_AFTER_MAX_S)],
)
def test_a_service_may_say_how_long_to_wait(header: str | None, wait_s: float | None) -> None:
    assert retry_after_s(header) == wait_s
