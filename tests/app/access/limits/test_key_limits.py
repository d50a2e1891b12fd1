import pytest

from app.access.limits.errors import KeyLimitInvalid
from app.access.limits.key_limits import KEY_LIMITS, check_key_limits

_MAX_BODY_BYTES = 1_000


def test_every_limit_of_a_key_can_be_set_lifted_and_left_to_the_settings() -> None:
    for value in (0, 10_000, None):
        check_key_limits(dict.fromkeys(KEY_LIMITS, value), _MAX_BODY_BYTES)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("rows_per_hour", 1, "isn't one of submissions_per_minute, "),
        ("rows_per_hour", None, "isn't one of "),
        ("contributor_reads_per_minute", 1, "isn't one of "),
        ("rows_per_day", -1, "from 0 to"),
        ("rows_per_day", 2**60, "from 0 to"),
        ("bytes_per_day", 999, "less than max_body_bytes = 1000"),
        ("contributor_bytes_per_day", 1, "less than max_body_bytes = 1000"),
    ],
)
def test_a_wrong_limit_is_named_with_what_is_wrong(
    name: str, value: int | None, problem: str
) -> None:
    with pytest.raises(KeyLimitInvalid, match=f"the limit '{name}' .*{problem}"):
        check_key_limits({name: value}, _MAX_BODY_BYTES)
