from collections.abc import Sequence

import pytest

from app.access.limits.policies import Policy, limits_in, policies_of
from app.settings import Settings, SettingsError


def of_addresses(**values: int) -> Sequence[Policy]:
    """Return the limits that settings give client addresses."""
    settings = Settings.at("home", **values)
    return policies_of(limits_in(settings, "address"), settings.limit_burst_s, "address")


def test_without_settings_nothing_is_limited() -> None:
    assert not of_addresses()


@pytest.mark.parametrize(
    ("per_minute", "burst_s", "quota", "window_s"),
    [
        (600, 60, 600, 60),
        (600, 10, 100, 10),
        (10, 60, 10, 60),
        (10, 1, 1, 6),
        (1, 3_600, 60, 3_600),
    ],
)
def test_a_bucket_holds_what_flows_in_during_a_burst_and_never_less_than_one(
    per_minute: int, burst_s: int, quota: int, window_s: float
) -> None:
    (policy,) = of_addresses(reads_per_minute=per_minute, limit_burst_s=burst_s)
    assert (policy.name, policy.setting) == ("reads", "reads_per_minute")
    assert (policy.quota, policy.window_s) == (quota, window_s)


def test_a_quota_of_a_day_flows_in_over_a_day() -> None:
    (policy,) = of_addresses(rows_per_day=1_000)
    assert (policy.quota, policy.window_s, policy.token_s) == (1_000, 86_400, 86.4)


def test_the_place_of_a_limit_does_not_depend_on_the_other_limits() -> None:
    every = {
        "submissions_per_minute": 1,
        "uploads_per_minute": 1,
        "reads_per_minute": 1,
        "costly_reads_per_minute": 1,
        "rows_per_day": 1,
        "bytes_per_day": 2**40,
    }
    together = {policy.setting: policy.column for policy in of_addresses(**every)}
    assert len(set(together.values())) == len(every)
    for setting, value in every.items():
        (alone,) = of_addresses(**{setting: value})
        assert alone.column == together[setting]


@pytest.mark.parametrize(
    "name", ["bytes_per_day", "key_bytes_per_day", "contributor_bytes_per_day"]
)
def test_a_quota_that_the_largest_submission_exceeds_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=f"CHATLAKE_{name.upper()}: less than"):
        Settings.at("home", **{name: 999}, max_body_bytes=1_000)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("key_rows_per_day", "-1"),
        ("contributor_rows_per_day", "many"),
        ("reads_at_once", "1001"),
        ("key_reads_at_once", "-1"),
    ],
)
def test_a_setting_with_a_wrong_value_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^CHATLAKE_{name.upper()}: "):
        Settings.from_environment({f"CHATLAKE_{name.upper()}": value})


def test_settings_of_keys_and_contributors_are_limits_of_their_own() -> None:
    settings = Settings.at("home", key_uploads_per_minute=6, contributor_rows_per_day=10)
    assert not any(limits_in(settings, "address").values())
    assert limits_in(settings, "key")["uploads_per_minute"] == 6
    of_contributors = limits_in(settings, "contributor")
    assert of_contributors == {
        "submissions_per_minute": 0,
        "rows_per_day": 10,
        "bytes_per_day": 0,
    }
    (policy,) = policies_of(of_contributors, 60, "contributor")
    assert (policy.label, policy.setting) == ("contributor_rows", "contributor_rows_per_day")
