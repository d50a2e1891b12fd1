from app.curation.evaluation_sets.shipped import shipped_sets


def test_shipped_sets_have_their_items_in_the_order_of_names() -> None:
    sets = shipped_sets()
    assert [(known.name, known.items) for known in sets] == [
        ("bfcl", 1050),
        ("humaneval", 164),
        ("longbench-write", 120),
    ]
    assert all(known.items == len(items) for known, items in sets.items())
