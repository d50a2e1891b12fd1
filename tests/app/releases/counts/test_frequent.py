import pyarrow as pa
import pytest

from app.releases.counts import frequent
from app.releases.counts.frequent import SHOWN, FrequentValues, most_frequent
from app.releases.counts.statistics import Frequencies


def counted(*batches: list[str | None]) -> Frequencies:
    """Return the frequencies of the values of several batches."""
    values = FrequentValues()
    for batch in batches:
        values.add(pa.array(batch, pa.large_string()))
    return values.frequencies()


def test_the_most_frequent_values_come_first_and_equal_ones_by_name() -> None:
    found = counted(["b", "a", None], ["c", "c", "a", "b"])
    assert list(found.counts.items()) == [("a", 2), ("b", 2), ("c", 2)]
    assert found.without == 1
    assert (found.more, found.more_count, found.more_is_least) == (0, 0, False)


def test_the_others_are_counted_together() -> None:
    found = most_frequent({f"value {number:02}": 100 - number for number in range(SHOWN + 3)})
    assert len(found.counts) == SHOWN
    assert (found.more, found.more_count) == (3, 100 - 20 + 100 - 21 + 100 - 22)


def test_values_that_come_late_are_counted_without_their_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(frequent, "MAX_DISTINCT", 2)
    first = counted(["a", "b", "c"], ["c", "a"])
    assert first == counted(["a"], ["b", "c", "c", "a"])
    assert first == Frequencies(counts={"a": 2, "b": 1}, more_is_least=True, more_count=2)
