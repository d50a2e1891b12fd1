import pytest

from app.curation.errors import (
    EvaluationSetIsShipped,
    EvaluationSetsFull,
    EvaluationSetTaken,
    NoSuchEvaluationSet,
)
from app.curation.evaluation_sets.registry import EvaluationSets
from app.curation.evaluation_sets.shipped import shipped_sets
from app.curation.rules.curating.contamination import EvaluationItem
from app.services import Services
from app.state.published_folder import NameInvalid

ITEMS = [EvaluationItem(prompt="Why is it so?", answer="So."), EvaluationItem(prompt="How?")]


@pytest.mark.both
def test_sets_are_kept_with_their_items_beside_the_shipped_ones(services: Services) -> None:
    sets = services.curation.evaluation_sets
    added = sets.add("exam", "2026-11", "CC0-1.0", ITEMS)
    assert (added.version, added.licence, added.items) == ("2026-11", "CC0-1.0", 2)
    loaded = EvaluationSets(services.database).load()
    assert loaded[added] == ITEMS
    names = [known.name for known in loaded]
    assert names == sorted({"exam", *(shipped.name for shipped in shipped_sets())})
    sets.remove("exam")
    assert sets.load() == shipped_sets()


def test_a_set_is_named_once_and_its_content_tells_versions_apart(services: Services) -> None:
    sets = services.curation.evaluation_sets
    first = sets.add("exam", "1", "MIT", ITEMS)
    with pytest.raises(EvaluationSetTaken):
        sets.add("exam", "2", "MIT", ITEMS)
    with pytest.raises(EvaluationSetTaken):
        sets.add("humaneval", "2", "MIT", ITEMS)
    with pytest.raises(NameInvalid):
        sets.add("an | exam", "1", "MIT", ITEMS)
    sets.remove("exam")
    assert sets.add("exam", "1", "MIT", ITEMS) == first
    sets.remove("exam")
    assert sets.add("exam", "1", "MIT", ITEMS[:1]).sha256 != first.sha256


def test_an_unknown_or_shipped_set_is_not_removed(services: Services) -> None:
    with pytest.raises(NoSuchEvaluationSet):
        services.curation.evaluation_sets.remove("exam")
    with pytest.raises(EvaluationSetIsShipped):
        services.curation.evaluation_sets.remove("humaneval")


def test_the_size_of_all_added_sets_is_bounded(services: Services) -> None:
    sets = EvaluationSets(services.database, max_bytes=100)
    sets.add("one", "1", "MIT", [EvaluationItem(prompt="x" * 40)])
    with pytest.raises(EvaluationSetsFull):
        sets.add("two", "1", "MIT", [EvaluationItem(prompt="x" * 40)])
    sets.remove("one")
    sets.add("two", "1", "MIT", [EvaluationItem(prompt="x" * 40)])
