from uuid import uuid4

import pytest

from app.access.moderation.errors import (
    NothingToDecide,
    NotReportable,
    TooManyReports,
    UnknownContributions,
)
from app.access.moderation.reports import KEPT_OF_A_REASON
from app.access.moderation.service import Moderation
from app.services import Services
from catalog.records import Contribution
from tests.app.access.moderation.actors import (
    MODERATOR,
    REPORTERS,
    Takedowns,
    decisions,
    moderation_of,
)
from tests.app.access.moderation.banning import hidden


@pytest.mark.both
def test_enough_reporters_put_a_contribution_into_quarantine_with_its_earlier_versions(
    services: Services, moderation: Moderation, made: list[Contribution]
) -> None:
    first, second, other = (each.contribution_id for each in made)
    for reporter in REPORTERS[:2]:
        assert moderation.report(second, "spam", None, reporter)
        assert not moderation.report(second, "other", "once more", reporter)
    assert hidden(services) == set()
    assert moderation.report(second, "abusive", "see the end", REPORTERS[2])
    assert hidden(services) == {first, second}
    (cause,) = moderation.quarantine.causes_of([first, second, other])[second]
    assert (cause.cause, cause.actor, cause.reason) == (
        "reports",
        "service:reports",
        "spam 2, abusive 1",
    )
    assert decisions(moderation, second) == [("quarantine", "service:reports")]
    assert moderation.quarantine.count() == 1
    with pytest.raises(NotReportable):
        moderation.report(second, "spam", None, REPORTERS[3])
    with pytest.raises(NotReportable):
        moderation.report(first, "spam", None, REPORTERS[3])


def test_reports_hide_nothing_where_the_threshold_is_zero(
    services: Services, takedowns: Takedowns, made: list[Contribution]
) -> None:
    moderation = moderation_of(services, takedowns, threshold=0)
    name = made[0].contribution_id
    for reporter in REPORTERS:
        moderation.report(name, "spam", None, reporter)
    assert hidden(services) == set()
    assert moderation.quarantine.waiting(10) == [name]
    assert moderation.quarantine.waiting(10, state="quarantined") == []


def test_a_contribution_that_is_not_in_the_lake_cannot_be_reported(
    moderation: Moderation, made: list[Contribution]
) -> None:
    with pytest.raises(NotReportable):
        moderation.report(str(uuid4()), "spam", None, REPORTERS[0])
    assert made


def test_a_reporter_is_stopped_after_so_many_reports_in_a_day(
    services: Services, takedowns: Takedowns, made: list[Contribution]
) -> None:
    moderation = moderation_of(services, takedowns, per_day=2)
    names = [each.contribution_id for each in made]
    for name in names[:2]:
        moderation.report(name, "spam", None, REPORTERS[0])
    with pytest.raises(TooManyReports) as caught:
        moderation.report(names[2], "spam", None, REPORTERS[0])
    assert 86_300 < caught.value.retry_after_s <= 86_400
    assert "reports_per_day = 2" in str(caught.value)
    assert moderation.reports.of(names).keys() == set(names[:2])
    assert not moderation.report(names[0], "spam", None, REPORTERS[0])
    assert moderation.report(names[2], "spam", None, REPORTERS[1])


@pytest.mark.both
def test_what_is_approved_is_not_hidden_again_by_reports_of_the_same_kind(
    services: Services, moderation: Moderation, made: list[Contribution]
) -> None:
    name = made[2].contribution_id
    for reporter in REPORTERS[:3]:
        moderation.report(name, "spam", None, reporter)
    moderation.quarantine.approve(name, MODERATOR, "an honest question")
    assert hidden(services) == set()
    for reporter in REPORTERS[3:6]:
        moderation.report(name, "spam", None, reporter)
    for reporter in REPORTERS[6:8]:
        moderation.report(name, "sexual", None, reporter)
    assert hidden(services) == set()
    moderation.report(name, "rights", None, REPORTERS[8])
    assert hidden(services) == {name}
    (cause,) = moderation.quarantine.causes_of([name])[name]
    assert cause.reason == "sexual 2, rights 1"
    assert decisions(moderation, name) == [
        ("quarantine", "service:reports"),
        ("approve", MODERATOR),
        ("quarantine", "service:reports"),
    ]


@pytest.mark.both
def test_reports_for_one_reason_are_kept_up_to_a_number_and_displace_no_other_reason(
    services: Services, takedowns: Takedowns, made: list[Contribution]
) -> None:
    moderation = moderation_of(services, takedowns, threshold=0)
    name = made[2].contribution_id
    networks = [f"{number:032x}" for number in range(KEPT_OF_A_REASON + 5)]
    counted = [moderation.report(name, "spam", None, network) for network in networks]
    assert counted == [True] * KEPT_OF_A_REASON + [False] * 5
    assert moderation.report(name, "illegal", "look", networks[-1])
    assert moderation.reports.open_numbers(name) == {"spam": KEPT_OF_A_REASON, "illegal": 1}
    shown = moderation.reports.of([name], most_of_a_reason=2)[name]
    assert [(each.reason, each.reporter) for each in shown] == [
        ("spam", networks[0]),
        ("spam", networks[1]),
        ("illegal", networks[-1]),
    ]
    assert moderation.quarantine.waiting(10) == [name]
    assert moderation.quarantine.waiting(10, min_reports=KEPT_OF_A_REASON + 2) == []


def test_what_is_only_reported_is_decided_on_as_well(
    services: Services, moderation: Moderation, made: list[Contribution]
) -> None:
    name = made[2].contribution_id
    moderation.report(name, "spam", None, REPORTERS[0])
    assert moderation.quarantine.waiting(10, state="reported") == [name]
    moderation.quarantine.approve(name, MODERATOR, None)
    assert moderation.quarantine.waiting(10) == []
    (report,) = moderation.reports.of([name])[name]
    assert report.is_reviewed
    with pytest.raises(NothingToDecide):
        moderation.quarantine.approve(name, MODERATOR, None)
    with pytest.raises(NothingToDecide):
        moderation.reject(name, MODERATOR, None)
    assert hidden(services) == set()


def test_what_is_rejected_is_taken_down_and_leaves_nothing_but_the_log(
    services: Services, moderation: Moderation, takedowns: Takedowns, made: list[Contribution]
) -> None:
    name = made[2].contribution_id
    moderation.report(name, "personal_data", "it says: private words", REPORTERS[0])
    moderation.put_into_quarantine([name], MODERATOR, "asked by mail")
    moderation.reject(name, MODERATOR, "an address")
    assert takedowns.requests == [("contribution", (name,), "an address", MODERATOR)]
    assert services.access.hidden.causes(name) == {"takedown"}
    assert moderation.reports.of([name]) == {}
    assert moderation.quarantine.waiting(10) == []
    assert decisions(moderation, name) == [("quarantine", MODERATOR), ("reject", MODERATOR)]


def test_a_takedown_that_fails_leaves_the_contribution_in_quarantine(
    services: Services, moderation: Moderation, takedowns: Takedowns, made: list[Contribution]
) -> None:
    name = made[2].contribution_id
    moderation.put_into_quarantine([name], MODERATOR, None)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(takedowns.hidden, "hide", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            moderation.reject(name, MODERATOR, None)
    assert hidden(services) == {name}
    assert moderation.quarantine.waiting(10) == [name]
    moderation.reject(name, MODERATOR, None)
    assert moderation.quarantine.waiting(10) == []


def test_nothing_is_quarantined_by_hand_if_one_id_is_unknown(
    services: Services, moderation: Moderation, made: list[Contribution]
) -> None:
    unknown = str(uuid4())
    beyond_the_calendar = "ffffffff-ffff-7000-8000-000000000000"
    with pytest.raises(UnknownContributions) as caught:
        moderation.put_into_quarantine(
            [made[0].contribution_id, unknown, beyond_the_calendar], MODERATOR, None
        )
    assert caught.value.contribution_ids == (unknown, beyond_the_calendar)
    assert hidden(services) == set()


def test_contributors_are_taken_down_and_that_is_logged(
    moderation: Moderation, takedowns: Takedowns
) -> None:
    moderation.take_down_contributors(["ada", "bob"], MODERATOR, "advertising")
    assert takedowns.requests == [
        ("contributor", (name,), "advertising", MODERATOR) for name in ("ada", "bob")
    ]
    assert decisions(moderation, "ada") == [("takedown", MODERATOR)]
