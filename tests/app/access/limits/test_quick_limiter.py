from functools import partial

import pytest

from app.access.limits import quick_limiter
from app.access.limits.bucket_table import UNTOLD, BucketTable, Subject
from app.access.limits.clients import Client
from app.access.limits.limiter import Amounts, Limiter
from app.access.limits.policies import Policy
from app.access.limits.quick_limiter import QuickLimiter
from tests.app.access.limits.test_limiter import Clock, taken

ADDRESS = "192.0.2.1"
HERE = Subject("address", ADDRESS)
SUBMISSIONS = Policy("submissions", "submissions_per_minute", 10, 10, 60)
ROWS = Policy("rows", "rows_per_day", 100, 100, 86_400)
BYTES = Policy("bytes", "bytes_per_day", 10_000, 10_000, 86_400)
POLICIES = [SUBMISSIONS, ROWS, BYTES]
EVERY: Amounts = {"submissions": 1, "rows": 1, "bytes": 700}


def client_at(address: str | None) -> Client:
    """Return the client of an address, which has the limits of submissions."""
    return Client(Subject("address", address or ""), POLICIES, [], 0)


@pytest.fixture
def limiter() -> Limiter:
    return Limiter(BucketTable, Clock())


def test_it_takes_until_half_of_a_bucket_is_left_and_then_nothing(limiter: Limiter) -> None:
    quick = QuickLimiter(limiter, client_at)
    assert [quick.take(ADDRESS, None, 700) for _ in range(7)] == [True] * 5 + [False] * 2
    # The other half, and nothing was taken twice.
    assert taken(partial(limiter.take, HERE, POLICIES, EVERY)) == 5
    levels = limiter.take(HERE, POLICIES, {"rows": 0, "bytes": 0})
    assert [policy.left(full_in_s)[0] for policy, full_in_s in levels.items()] == [90, 3_000]


def test_any_limit_can_be_the_one_that_is_near(limiter: Limiter) -> None:
    assert not QuickLimiter(limiter, client_at).take(ADDRESS, None, 5_001)
    assert QuickLimiter(limiter, client_at).take(ADDRESS, None, 4_999)


def test_what_flows_in_can_be_taken_again(limiter: Limiter) -> None:
    quick = QuickLimiter(limiter, client_at)
    while quick.take(ADDRESS, None, 1):
        pass
    limiter.clock.now += 6.001  # type: ignore[attr-defined]
    assert [quick.take(ADDRESS, None, 1) for _ in range(2)] == [True, False]


def test_a_client_whose_row_was_given_away_gets_another_one(limiter: Limiter) -> None:
    quick = QuickLimiter(limiter, client_at)
    assert quick.take(ADDRESS, None, 1)
    place = limiter.table.buckets_of(HERE)
    limiter.table.digests[place - 1] = 4711
    limiter.table.times[place] = limiter.clock() + 60
    assert quick.take(ADDRESS, None, 1)
    assert limiter.table.times[place] == limiter.clock() + 60


def test_no_more_clients_are_remembered_than_a_number(
    limiter: Limiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quick_limiter, "_REMEMBERED_CLIENTS", 3)
    quick = QuickLimiter(limiter, client_at)
    for number in range(10):
        assert quick.take(f"192.0.2.{number}", None, 1)
        assert len(quick._addresses) <= 3


ADA, BOB = "a" * 32, "b" * 32
OF_CONTRIBUTORS = [
    Policy("submissions", "contributor_submissions_per_minute", 4, 4, 60, "contributor")
]


def test_a_submission_counts_for_its_contributor_too(limiter: Limiter) -> None:
    quick = QuickLimiter(
        limiter,
        lambda address: Client(Subject("address", address or ""), POLICIES, OF_CONTRIBUTORS, 0),
    )
    assert [quick.take(ADDRESS, ADA, 1) for _ in range(3)] == [True, True, False]
    assert quick.take(ADDRESS, BOB, 1)
    assert quick.take(ADDRESS, None, 1)
    assert taken(partial(limiter.take, Subject("contributor", ADA), OF_CONTRIBUTORS, EVERY)) == 2
    # What a contributor's limit kept from being taken wasn't taken from the address either.
    assert limiter.take(HERE, POLICIES, {"rows": 0})[ROWS] == 4 * ROWS.token_s


def test_contributors_alone_can_be_limited(limiter: Limiter) -> None:
    quick = QuickLimiter(
        limiter, lambda address: Client(Subject("address", address or ""), [], OF_CONTRIBUTORS, 0)
    )
    assert [quick.take(ADDRESS, ADA, 1) for _ in range(3)] == [True, True, False]


def test_what_is_taken_is_noted_for_other_nodes(limiter: Limiter) -> None:
    quick = QuickLimiter(limiter, client_at)
    for _ in range(2):
        assert quick.take(ADDRESS, None, 10)
    place = limiter.table.buckets_of(HERE) + UNTOLD
    assert limiter.table.times[place + SUBMISSIONS.column] == 2 * SUBMISSIONS.token_s
    assert limiter.table.times[place + BYTES.column] == pytest.approx(20 * BYTES.token_s)
