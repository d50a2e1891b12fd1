import pytest

from chatlake_client.conversation import Turn
from chatlake_client.shapes.fields import Losses
from chatlake_client.shapes.tree import Node, Tree, joined_reasoning
from tests.client.reading import texts


def node(
    id_: str, parent: str | None, *children: str, text: str | None = "", time: str = ""
) -> Node:
    """A message whose text is its id, unless another is given; None shows nothing."""
    turns = [] if text is None else [Turn("user", text or id_)]
    return Node(id_, parent, turns, list(children), time or None)


def said(turns: list[Turn]) -> list[str | None]:
    return [content for _, content in texts(turns)]


def path(tree: Tree, end: str | None) -> list[str | None]:
    return said(tree.turns_to(end, Losses()))


def test_siblings_are_alternatives_of_the_turn_in_whose_place_they_stood() -> None:
    tree = Tree([node("a", None, "b", "c"), node("b", "a", "d"), node("c", "a"), node("d", "b")])
    main = tree.turns_to("c", Losses())
    assert said(main) == ["a", "c"]
    assert [said(other) for other in main[1].alternatives] == [["b", "d"]]


def test_below_a_sibling_its_last_child_goes_on_and_others_are_its_alternatives() -> None:
    tree = Tree([node("a", None), node("b", "a"), node("c", "b"), node("d", "b"), node("e", "a")])
    (other,) = tree.turns_to("e", Losses())[1].alternatives
    assert said(other) == ["b", "d"]
    assert [said(one) for one in other[1].alternatives] == [["c"]]


def test_links_that_are_missing_are_mended_from_either_side() -> None:
    listed = Tree([node("a", None, "b"), node("b", None, "c"), node("c", None)])
    told = Tree([node("a", None), node("b", "a"), node("c", "b")])
    assert path(listed, "c") == path(told, "c") == ["a", "b", "c"]
    assert path(Tree([node("a", "gone", "gone", "b"), node("b", "a")]), "b") == ["a", "b"]


def test_a_circle_is_cut_before_its_first_message() -> None:
    tree = Tree([node("x", "a"), node("a", "c", "b"), node("b", "a", "c"), node("c", "b", "a")])
    assert path(tree, tree.newest_leaf()) == ["a", "b", "c"]
    assert path(Tree([node("a", "a", "a")]), "a") == ["a"]


@pytest.mark.parametrize(
    ("times", "expected"),
    [(("1", "3", "2"), ["a", "b"]), (("1", "2", "2"), ["a", "c"]), (("", "", ""), ["a", "c"])],
)
def test_the_newest_leaf_is_the_last_of_equal_times(
    times: tuple[str, str, str], expected: list[str]
) -> None:
    first, second, third = times
    tree = Tree(
        [node("a", None, time=first), node("b", "a", time=second), node("c", "a", time=third)]
    )
    assert path(tree, tree.newest_leaf()) == expected


def test_messages_that_show_nothing_are_passed_and_never_chosen() -> None:
    tree = Tree(
        [
            node("root", None, text=None),
            node("a", "root"),
            node("gap", "a", text=None),
            node("b", "gap"),
            node("error", "a", text=None, time="9"),
        ]
    )
    assert path(tree, tree.last_leaf()) == path(tree, tree.newest_leaf()) == ["a", "b"]
    assert "error" not in tree


def test_what_stood_beside_a_hidden_message_is_an_alternative_of_the_next_turn() -> None:
    tree = Tree([node("a", None), node("gap", "a", text=None), node("b", "gap"), node("c", "a")])
    main = tree.turns_to("b", Losses())
    assert [said(other) for other in main[1].alternatives] == [["c"]]


def test_turns_that_have_no_place_are_counted_as_lost() -> None:
    tree, losses = Tree([node("a", None), node("b", "a")]), Losses()
    assert said(tree.turns_to("a", losses)) == ["a"]
    assert losses.count(tuple)[1] == ["turns after the selected one"]


def test_an_empty_tree_has_no_path() -> None:
    tree = Tree([])
    assert tree.newest_leaf() is tree.last_leaf() is None
    assert tree.turns_to(None, Losses()) == []


def test_a_deep_tree_is_read_without_recursion() -> None:
    nodes = [node(str(n), str(n - 1) if n else None) for n in range(5000)]
    assert len(Tree(nodes).turns_to("4999", Losses())) == 5000


def test_thoughts_that_stand_alone_become_those_of_the_turn_after_them() -> None:
    thought = Turn("assistant", reasoning="Hm.", alternatives=[[Turn("assistant", "Else")]])
    (turn,) = joined_reasoning([thought, Turn("assistant", "So", created_at="t")])
    assert (turn.content, turn.reasoning, turn.created_at) == ("So", "Hm.", "t")
    assert len(turn.alternatives) == 1
    assert joined_reasoning([thought]) == [thought]
