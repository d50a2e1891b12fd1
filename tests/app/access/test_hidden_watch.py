from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from app.access.errors import HiddenMeanwhile
from app.access.hidden_watch import HiddenWatch
from app.access.takedowns.records import TakenDown
from app.services import Services
from catalog.reading.membership import NO_IDS
from tests.factories import hide, show

BATCHES = [
    pa.record_batch({"contribution_id": pa.array(list(ids), NO_IDS.type)}) for ids in ("bd", "fh")
]


def record(services: Services, *ids: str) -> None:
    """Record a takedown of contributions."""
    rows = [TakenDown(each, "conversation", "hash", None) for each in ids]
    services.access.takedowns.record("contributor", "x", rows, reason=None, requested_by="a test")


def watch_of(services: Services) -> HiddenWatch:
    """Return a watch that begins now."""
    return HiddenWatch(services.access.taken_down, services.access.hidden, "first")


def held_of(*held: str) -> Callable[[pa.Array], pa.Array]:
    """Return what tells which of some contributions a result holds, if it holds these."""
    return lambda ids: ids.filter(pc.is_in(ids, pa.array(held, ids.type)))


def left(watch: HiddenWatch) -> list[str]:
    """Return the ids of the rows that are left."""
    return [each for batch in watch.left(BATCHES) for each in batch[0].to_pylist()]


def test_what_is_taken_down_before_it_is_read_is_left_out(services: Services) -> None:
    record(services, "b")
    watch = watch_of(services)
    rows = watch.left(BATCHES)
    assert next(rows)[0].to_pylist() == ["d"]
    record(services, "h", "x")
    assert next(rows)[0].to_pylist() == ["f"]
    watch.check()
    assert watch.newly_taken_down().to_pylist() == []
    record(services, "y")
    assert watch.newly_taken_down().to_pylist() == ["y"]


def test_what_is_taken_down_after_it_was_read_ends_the_build(services: Services) -> None:
    watch = watch_of(services)
    rows = watch.left(BATCHES)
    next(rows)
    record(services, "d")
    with pytest.raises(HiddenMeanwhile, match="first"):
        next(rows)


def test_a_takedown_before_the_last_look_keeps_a_result_from_being_published(
    services: Services,
) -> None:
    watch = watch_of(services)
    assert left(watch) == ["b", "d", "f", "h"]
    watch.check()
    record(services, "f")
    with pytest.raises(HiddenMeanwhile):
        watch.check()


def test_what_is_erased_already_is_not_looked_for(services: Services) -> None:
    record(services, "b")
    services.access.takedowns.finish(services.access.takedowns.unfinished())
    assert left(watch_of(services)) == ["b", "d", "f", "h"]


def test_a_result_that_holds_what_moderators_hid_meanwhile_is_not_published(
    services: Services,
) -> None:
    hide(services, "b")
    watch = watch_of(services)
    rows = watch.left(BATCHES)
    assert next(rows)[0].to_pylist() == ["d"]
    hide(services, "h", cause="ban")
    assert next(rows)[0].to_pylist() == ["f"]
    # Neither is taken down, so nothing has to be held back for it.
    assert watch.newly_taken_down().to_pylist() == []
    hide(services, "f")
    watch.check()
    watch.check_result(held_of("d"))
    with pytest.raises(HiddenMeanwhile):
        watch.check_result(held_of("d", "f"))
    show(services, "f")
    watch.check_result(held_of("d", "f"))


def test_a_takedown_ends_the_build_though_nobody_knows_whether_the_result_holds_it(
    services: Services,
) -> None:
    watch = watch_of(services)
    assert left(watch) == ["b", "d", "f", "h"]
    record(services, "c")
    with pytest.raises(HiddenMeanwhile):
        watch.check_result(held_of("b"))


def test_what_is_shown_again_while_something_is_built_stays_out_of_it(services: Services) -> None:
    hide(services, "b", "h")
    watch = watch_of(services)
    rows = watch.left(BATCHES)
    assert next(rows)[0].to_pylist() == ["d"]
    show(services, "b", "h")
    assert next(rows)[0].to_pylist() == ["f"]
    watch.check()


def test_what_was_erased_between_two_looks_ends_the_build(services: Services) -> None:
    watch = watch_of(services)
    assert left(watch) == ["b", "d", "f", "h"]
    record(services, "d")
    services.access.takedowns.finish(services.access.takedowns.unfinished())
    with pytest.raises(HiddenMeanwhile):
        watch.check()
