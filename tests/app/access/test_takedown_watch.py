import pyarrow as pa
import pytest

from app.access.errors import TakenDownMeanwhile
from app.access.takedown_watch import TakedownWatch
from app.access.takedowns import TakenDown
from app.services import Services
from catalog.membership import NO_IDS

BATCHES = [
    pa.record_batch({"contribution_id": pa.array(list(ids), NO_IDS.type)}) for ids in ("bd", "fh")
]


def record(services: Services, *ids: str) -> None:
    """Record a takedown of contributions."""
    rows = [TakenDown(each, "conversation", "hash", None) for each in ids]
    services.takedowns.record("contributor", "x", rows, reason=None, requested_by="a test")


def left(watch: TakedownWatch) -> list[str]:
    """Return the ids of the rows that are left."""
    return [each for batch in watch.left(BATCHES) for each in batch[0].to_pylist()]


def test_what_is_taken_down_before_it_is_read_is_left_out(services: Services) -> None:
    record(services, "b")
    watch = TakedownWatch(services.takedowns, "first")
    rows = watch.left(BATCHES)
    assert next(rows)[0].to_pylist() == ["d"]
    record(services, "h", "x")
    assert next(rows)[0].to_pylist() == ["f"]
    watch.check()
    assert watch.new_ids().to_pylist() == []
    record(services, "y")
    assert watch.new_ids().to_pylist() == ["y"]


def test_what_is_taken_down_after_it_was_read_ends_the_build(services: Services) -> None:
    watch = TakedownWatch(services.takedowns, "first")
    rows = watch.left(BATCHES)
    next(rows)
    record(services, "d")
    with pytest.raises(TakenDownMeanwhile, match="first"):
        next(rows)


def test_a_takedown_before_the_last_look_keeps_a_result_from_being_published(
    services: Services,
) -> None:
    watch = TakedownWatch(services.takedowns, "first")
    assert left(watch) == ["b", "d", "f", "h"]
    watch.check()
    record(services, "f")
    with pytest.raises(TakenDownMeanwhile):
        watch.check()


def test_what_is_erased_already_is_not_looked_for(services: Services) -> None:
    record(services, "b")
    services.takedowns.finish(services.takedowns.unfinished())
    assert left(TakedownWatch(services.takedowns, "first")) == ["b", "d", "f", "h"]
