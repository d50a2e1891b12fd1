from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access.limits.bucket_table import UNTOLD, BucketTable, Subject
from app.access.limits.clients import Client
from app.access.limits.errors import RateLimited
from app.access.limits.limiter import Amounts, Levels, Limiter, Meter
from app.access.limits.policies import Policy
from tests.app.telemetry.test_metrics import growth

HERE = Subject("address", "192.0.2.1")
THERE = Subject("address", "192.0.2.2")
READS = Policy("reads", "reads_per_minute", 6, 6, 60)
ROWS = Policy("rows", "rows_per_day", 1_000, 1_000, 86_400)
BYTES = Policy("bytes", "bytes_per_day", 10**12, 10**12, 86_400)


class Clock:
    """A clock that is set by hand, in seconds since the machine started."""

    def __init__(self) -> None:
        self.now = 5_000_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


POLICIES = [READS, ROWS, BYTES]
CLIENT = Client(HERE, POLICIES, [], 0)


def take(limiter: Limiter, subject: Subject, amounts: Amounts) -> Levels:
    """Take from a client that has every limit."""
    return limiter.take(subject, POLICIES, amounts)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limiter(clock: Clock) -> Limiter:
    return Limiter(BucketTable, clock)


def taken(act: Callable[[], object], most: int = 10_000) -> int:
    """Return how often something can be done before it is refused."""
    for number in range(most):
        try:
            act()
        except RateLimited:
            return number
    return most


def test_a_client_takes_a_full_bucket_at_once_and_then_at_the_rate(
    limiter: Limiter, clock: Clock
) -> None:
    read = partial(take, limiter, HERE, {"reads": 1})
    assert taken(read) == 6
    clock.now += 9.9
    assert taken(read) == 0
    clock.now += 0.2
    assert taken(read) == 1
    clock.now += 3_600
    assert taken(read) == 6


def test_a_refused_client_does_not_wait_longer_for_asking_again(
    limiter: Limiter, clock: Clock
) -> None:
    read = partial(take, limiter, HERE, {"reads": 1})
    taken(read)
    for _ in range(99):
        assert taken(read) == 0
    clock.now += 10.001
    assert taken(read) == 1


def test_clients_have_buckets_of_their_own(limiter: Limiter) -> None:
    assert taken(partial(take, limiter, HERE, {"reads": 1})) == 6
    assert taken(partial(take, limiter, THERE, {"reads": 1})) == 6


def test_limits_have_buckets_of_their_own(limiter: Limiter) -> None:
    assert taken(partial(take, limiter, HERE, {"reads": 1})) == 6
    take(limiter, HERE, {"rows": 1_000})


def test_all_that_is_asked_for_is_taken_or_nothing(limiter: Limiter) -> None:
    with pytest.raises(RateLimited):
        take(limiter, HERE, {"reads": 1, "rows": 1_001})
    assert taken(partial(take, limiter, HERE, {"reads": 1})) == 6
    take(limiter, HERE, {"rows": 1_000})


def test_what_is_not_limited_is_not_counted(limiter: Limiter) -> None:
    assert take(limiter, HERE, {"uploads": 10**9}) == {}


def test_a_refusal_says_which_setting_was_reached_and_when_to_come_again(
    limiter: Limiter,
) -> None:
    take(limiter, HERE, {"rows": 999})
    with pytest.raises(RateLimited, match=r"rows_per_day = 1000 .* try again in 87 s") as refusal:
        take(limiter, HERE, {"rows": 2})
    # A row flows in every 86.4 s, and the time is rounded up.
    assert refusal.value.retry_after_s == 87
    assert ROWS.left(refusal.value.full_in_s) == (1, 87)


def test_whoever_comes_again_at_the_time_that_was_told_is_served(
    limiter: Limiter, clock: Clock
) -> None:
    take(limiter, HERE, {"bytes": 10**12 - 5})
    with pytest.raises(RateLimited) as refusal:
        take(limiter, HERE, {"bytes": 700_000_000})
    clock.now += refusal.value.retry_after_s
    take(limiter, HERE, {"bytes": 700_000_000})


def test_a_client_learns_what_is_left_and_when_there_is_more(
    limiter: Limiter, clock: Clock
) -> None:
    def read() -> tuple[int, int]:
        return READS.left(take(limiter, HERE, {"reads": 1})[READS])

    assert read() == (5, 10)
    clock.now += 4
    assert read() == (4, 6)
    assert [read() for _ in range(4)] == [(3, 6), (2, 6), (1, 6), (0, 6)]


def test_a_clock_that_began_anew_locks_nobody_out(limiter: Limiter, clock: Clock) -> None:
    """A table of memory ends with the machine, whose clock begins at 0; even if it did not."""
    take(limiter, HERE, {"reads": 6})
    clock.now = 0.0
    with pytest.raises(RateLimited) as refusal:
        take(limiter, HERE, {"reads": 1})
    assert refusal.value.retry_after_s == 10
    clock.now = 10.0
    take(limiter, HERE, {"reads": 1})


def test_shorter_windows_hold_at_once_for_buckets_of_longer_ones(clock: Clock) -> None:
    table = BucketTable()
    before = Policy("reads", "reads_per_minute", 1, 60, 3_600)
    Limiter(lambda: table, clock).take(HERE, [before], {"reads": 60})
    after = Limiter(lambda: table, clock)
    with pytest.raises(RateLimited) as refusal:
        take(after, HERE, {"reads": 1})
    assert refusal.value.retry_after_s == 10
    clock.now += 10
    take(after, HERE, {"reads": 1})


def test_workers_share_the_buckets_of_a_file(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "limits"
    workers = [Limiter(lambda: BucketTable(path), clock) for _ in range(3)]
    together = sum(taken(partial(take, worker, HERE, {"reads": 1})) for worker in workers)
    assert together == 6


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 4)), max_size=40))
def test_no_stretch_of_time_gives_more_than_a_full_bucket_and_what_flows_in(
    requests: list[tuple[float, int]],
) -> None:
    clock = Clock()
    limiter = Limiter(BucketTable, clock)
    served: list[tuple[float, int]] = []
    for pause_s, amount in requests:
        clock.now += pause_s
        if taken(partial(take, limiter, HERE, {"reads": amount}), most=1):
            served.append((clock.now, amount))
    for first, (begin, _) in enumerate(served):
        total = 0
        for end, amount in served[first:]:
            total += amount
            assert total <= READS.quota + (end - begin) / READS.token_s + 0.001


def test_refusals_are_counted_by_limit(limiter: Limiter) -> None:
    def act() -> None:
        taken(partial(take, limiter, HERE, {"reads": 1}))

    assert growth(act, "limited_requests_total", limit="reads", client="address") == 1


def test_a_meter_knows_the_newest_level_of_each_limit(limiter: Limiter) -> None:
    meter = Meter(limiter, CLIENT)
    meter.take({"reads": 1})
    meter.take({"rows": 10})
    meter.take({"rows": 10})
    left = {policy.name: policy.left(full_in_s)[0] for policy, full_in_s in meter.levels.items()}
    assert left == {"reads": 5, "rows": 980}
    assert meter.refusal is None


def test_a_meter_knows_by_what_its_request_is_refused(limiter: Limiter) -> None:
    meter = Meter(limiter, CLIENT)
    with pytest.raises(RateLimited) as refusal:
        meter.take({"rows": 1_001})
    assert meter.refusal is refusal.value
    assert meter.levels == {ROWS: 0.0}


def test_without_limits_no_table_is_made() -> None:
    def fail() -> BucketTable:
        raise AssertionError

    meter = Meter(Limiter(fail), Client(HERE, [], [], 0))
    meter.take({"reads": 1})
    assert not meter.levels


def test_what_is_taken_is_noted_for_other_nodes(limiter: Limiter) -> None:
    take(limiter, HERE, {"reads": 2, "rows": 5})
    take(limiter, HERE, {"reads": 1})
    with pytest.raises(RateLimited):
        take(limiter, HERE, {"reads": 9})
    place = limiter.table.buckets_of(HERE) + UNTOLD
    untold = limiter.table.times
    assert untold[place + READS.column] == 3 * READS.token_s
    assert untold[place + ROWS.column] == 5 * ROWS.token_s


def test_a_bucket_that_other_nodes_overdrew_fills_up_from_there(
    limiter: Limiter, clock: Clock
) -> None:
    bucket = limiter.table.buckets_of(HERE) + READS.column
    # Three nodes gave a full bucket each.
    limiter.table.times[bucket] = clock.now + 3 * READS.window_s
    with pytest.raises(RateLimited) as refusal:
        take(limiter, HERE, {"reads": 1})
    assert refusal.value.retry_after_s == 130
    assert READS.left(refusal.value.full_in_s) == (0, 130)
    clock.now += 130
    take(limiter, HERE, {"reads": 1})


CONTRIBUTOR = "0123456789abcdef0123456789abcdef"
OF_CONTRIBUTORS = Policy("rows", "contributor_rows_per_day", 10, 10, 86_400, "contributor")


def test_a_contribution_counts_for_its_contributor(limiter: Limiter) -> None:
    meter = Meter(limiter, Client(HERE, POLICIES, [OF_CONTRIBUTORS], 0))
    meter.take({"rows": 1})
    meter.take_contribution(CONTRIBUTOR, 100)
    left = {policy.label: policy.left(level)[0] for policy, level in meter.levels.items()}
    assert left == {"rows": 999, "contributor_rows": 9}
    meter.take_of(CONTRIBUTOR, {"rows": 9})
    with pytest.raises(RateLimited, match=f"by the contributor {CONTRIBUTOR}") as refusal:
        meter.take_contribution(CONTRIBUTOR, 100)
    assert meter.refusal is refusal.value
    assert str(refusal.value).startswith("contributor_rows_per_day = 10 ")


def test_an_anonymous_contribution_counts_for_no_contributor(limiter: Limiter) -> None:
    meter = Meter(limiter, Client(HERE, POLICIES, [OF_CONTRIBUTORS], 0))
    for _ in range(20):
        meter.take_contribution(None, 100)
    assert not meter.levels


def test_of_several_contributors_the_one_with_least_left_is_told(limiter: Limiter) -> None:
    meter = Meter(limiter, Client(HERE, POLICIES, [OF_CONTRIBUTORS], 0))
    for contributor, rows in (("a" * 32, 2), ("b" * 32, 7), ("c" * 32, 1)):
        meter.take_of(contributor, {"rows": rows})
    assert OF_CONTRIBUTORS.left(meter.levels[OF_CONTRIBUTORS])[0] == 3


def test_what_is_charged_afterwards_may_overdraw_a_bucket(limiter: Limiter, clock: Clock) -> None:
    meter = Meter(limiter, CLIENT)
    meter.take({"reads": 1})
    meter.charge({"reads": 8})
    assert READS.left(meter.levels[READS])[0] == 0
    with pytest.raises(RateLimited) as refusal:
        take(limiter, HERE, {"reads": 1})
    # 9 of 6 were taken, so four have to flow in.
    assert refusal.value.retry_after_s == 40
    place = limiter.table.buckets_of(HERE)
    assert limiter.table.times[place + UNTOLD + READS.column] == 9 * READS.token_s
    clock.now += 40
    take(limiter, HERE, {"reads": 1})


def test_one_charge_locks_nobody_out_for_long(limiter: Limiter, clock: Clock) -> None:
    meter = Meter(limiter, CLIENT)
    meter.charge({"reads": 10_000, "rows": 0})
    clock.now += 3 * READS.window_s + READS.token_s
    take(limiter, HERE, {"reads": 1, "rows": 1_000})
