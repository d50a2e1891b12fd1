"""Masks find at least 98 % of what was planted, and nothing in texts that only look like it."""

from collections import Counter
from collections.abc import Sequence

import pytest

from app.curation.rules.cleaning.masks.order import KINDS, MASKS, apply_masks
from catalog.stages.tables import MASK_KINDS
from tests.app.curation.rules.cleaning.batches import texts
from tests.app.curation.rules.cleaning.masks.look_alikes import LOOK_ALIKES
from tests.app.curation.rules.cleaning.masks.planted import Planted, planted

RECALL = 0.98
NAMES = [mask.name for mask in MASKS]


@pytest.fixture(scope="module")
def truth() -> list[Planted]:
    return planted()


def found(truth: Sequence[Planted]) -> Counter[str]:
    """Count by kind the texts in which exactly the planted thing was masked."""
    masked, counts = apply_masks(texts(*(each.text for each in truth)))
    return Counter(
        each.kind
        for each, text, row in zip(truth, masked.to_pylist(), counts, strict=True)
        if text == each.masked and dict(zip(KINDS, row, strict=True))[each.kind] == row.sum() == 1
    )


def test_the_truth_set_has_enough_of_each_kind(truth: Sequence[Planted]) -> None:
    many = Counter(each.kind for each in truth)

    assert many.keys() == set(NAMES) == set(MASK_KINDS) - {"person_name"}
    assert min(many.values()) >= 100
    assert len({each.text for each in truth}) > 0.9 * len(truth)


@pytest.mark.slow
def test_of_each_kind_and_of_all_nearly_everything_is_masked(truth: Sequence[Planted]) -> None:
    many, masked = Counter(each.kind for each in truth), found(truth)

    assert {
        kind: masked[kind] / many[kind] for kind in MASK_KINDS if masked[kind] < many[kind]
    } == {
        kind: pytest.approx(1, abs=1 - RECALL) for kind in MASK_KINDS if masked[kind] < many[kind]
    }
    assert masked.total() / many.total() >= RECALL


def test_masking_twice_changes_nothing(truth: Sequence[Planted]) -> None:
    masked, _ = apply_masks(texts(*(each.text for each in truth)))

    again, counts = apply_masks(masked)

    assert again.equals(masked)
    assert counts.sum() == 0


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_look_alikes_are_not_masked(text: str) -> None:
    masked, counts = apply_masks(texts(text))

    assert masked.to_pylist() == [text]
    assert counts.sum() == 0


def test_look_alikes_in_one_text_are_not_masked() -> None:
    whole = "\n".join(LOOK_ALIKES)

    assert apply_masks(texts(whole))[0].to_pylist() == [whole]
