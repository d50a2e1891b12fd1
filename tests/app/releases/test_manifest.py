from app.releases.manifest import newest_first
from tests.app.releases.factories import make_manifest


def test_lists_begin_with_the_newest_snapshot_and_the_last_name_of_it() -> None:
    made = [
        make_manifest(name=name, sequence_number=number)
        for name, number in (("a", 1), ("b", 2), ("c", 2), ("d", 1))
    ]
    assert [each.name for each in newest_first(made)] == ["c", "b", "d", "a"]
