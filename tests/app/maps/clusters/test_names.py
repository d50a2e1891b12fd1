import numpy as np
from numpy.typing import NDArray

from app.maps.clusters.names import name_clusters
from tests.app.maps.rows import TOPICS

BREAD, SPACE, MUSIC = (topic.split() for topic in TOPICS)


def texts_of(words: list[str], rows: int = 30, said: str = "") -> list[str]:
    """Return texts with a few of the words each, every one with its own beginning."""
    return [
        f"{row}. {said}. {words[row % len(words)]}. {words[(row + 1) % len(words)]}."
        for row in range(rows)
    ]


def clusters(*levels: list[int]) -> NDArray[np.int64]:
    """Return the clusters of texts, 30 of which are in each."""
    return np.repeat(np.array(levels), 30, axis=1).T


def test_a_name_has_three_terms_that_other_clusters_lack() -> None:
    texts = [text for words in (BREAD, SPACE, MUSIC) for text in texts_of(words)]
    (names,) = name_clusters(clusters([0, 1, 2]), texts)
    for name, words in zip(names, (BREAD, SPACE, MUSIC), strict=True):
        assert len(name.split(", ")) == 3
        assert {*name.split(", ")} <= {*words}


def test_what_is_said_in_all_clusters_names_none() -> None:
    said = "Sure, please think about how you like it and feel good. Obvious filler words"
    texts = [text for words in (BREAD, SPACE) for text in texts_of(words, said=said)]
    (names,) = name_clusters(clusters([0, 1]), texts)
    assert {word for name in names for word in name.split(", ")} <= {*BREAD, *SPACE}


def test_siblings_are_named_by_what_sets_them_apart_from_each_other() -> None:
    """Both are about cooking, which no other cluster is about; the broader one is named so."""
    shared = "Cooking. Cuisine. Gastronomy."
    sweet = texts_of(["sugar", "honey", "cake"], said=shared)
    salty = texts_of(["anchovies", "olives", "capers"], said=shared)
    texts = [*sweet, *salty, *texts_of(SPACE)]
    broad, fine = name_clusters(clusters([0, 0, 1], [0, 1, 2]), texts)
    assert {*broad[0].split(", ")} == {"cooking", "cuisine", "gastronomy"}
    assert {*fine[0].split(", ")} == {"sugar", "honey", "cake"}
    assert {*fine[1].split(", ")} == {"anchovies", "olives", "capers"}
    assert fine[2] == broad[1], "it isn't divided"


def test_pairs_of_words_name_a_cluster_where_they_tell_more() -> None:
    banks = texts_of(["checking account"], said="My")
    others = [*texts_of(["checking"], said="My"), *texts_of(["account"], said="My")]
    (names,) = name_clusters(clusters([0, 1, 1]), [*banks, *others])
    assert names[0] == "checking account", "neither word is repeated"


def test_forms_of_one_word_are_not_repeated() -> None:
    (names,) = name_clusters(
        clusters([0, 1]), [*texts_of(["recipe", "recipes", "oven"]), *texts_of(SPACE)]
    )
    assert sorted(names[0].split(", ")) in (["oven", "recipe"], ["oven", "recipes"])


def test_answers_to_one_prompt_count_once() -> None:
    prompt = (
        "Describe the anthropology of Mesopotamian pottery, its glazes and kilns, with examples"
    )
    repeated = [f"{prompt} and dates. Answer {number}" for number in range(20)]
    texts = [*repeated, *texts_of(BREAD, 10), *texts_of(SPACE)]
    (names,) = name_clusters(clusters([0, 1]), texts)
    assert {*names[0].split(", ")} <= {*BREAD}


def test_clusters_with_equal_or_no_words_have_different_names() -> None:
    for text in ("bread butter oven", "42 !", ""):
        (names,) = name_clusters(clusters([0, 1, 2]), [text] * 90)
        assert len({*names}) == 3
        assert all(names)


def test_no_cluster_has_the_name_that_another_keeps_from_the_broader_level() -> None:
    broad, fine = name_clusters(clusters([0, 0, 1], [0, 1, 2]), ["42 !"] * 90)
    assert fine[2] == broad[1]
    assert len({*fine}) == 3


def test_rare_terms_name_a_cluster_that_has_no_others() -> None:
    rare = [f"{chr(97 + row // 5) * 4}{row}" for row in range(30)]
    texts = [f"{word}." for word in rare]
    (names,) = name_clusters(clusters([0, 1]), [*texts, *texts_of(SPACE)])
    assert {*names[0].split(", ")} <= {*rare}
    frequent = [f"{text} oven." for text in texts[:3]]
    (names,) = name_clusters(clusters([0, 1]), [*frequent, *texts[3:], *texts_of(SPACE)])
    assert names[0].startswith("oven, ")


def test_a_single_cluster_is_named_by_its_most_frequent_terms() -> None:
    (names,) = name_clusters(clusters([0]), texts_of(["oven"]))
    assert names == ["oven"]


def test_no_clusters_have_no_names() -> None:
    assert name_clusters(clusters([-1], [-1]), ["a"] * 30) == [[], []]
