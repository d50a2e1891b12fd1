from collections.abc import Iterator
from time import monotonic

import pytest

from app.curation.rules.cleaning.scores import TextScores
from app.curation.scorers import moderation_server
from app.curation.scorers.moderation_server import (
    BATCH_PARTS,
    MAX_PART_CHARACTERS,
    ModerationServer,
)
from tests.app.curation.scorers.servers import ModerationStub
from tests.app.curation.scorers.servers import moderation_server as running


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModerationStub]:
    monkeypatch.setattr(moderation_server, "_BACKOFF_S", 0.001)
    with running() as server:
        yield server


def scorer_of(stub: ModerationStub, key: str | None = None) -> ModerationServer:
    return ModerationServer(stub.url, "omni", key, 5)


def hates(scorer: ModerationServer, *texts: str) -> list[float | None]:
    """Return the score of `hate` of each text; None where the scorer couldn't be asked."""
    return [None if said is None else said.scores["hate"] for said in scorer.score(texts)]


def test_texts_are_asked_about_in_batches_with_the_model_and_the_key(stub: ModerationStub) -> None:
    texts = [f"text {number}" + "!" * (number % 3) for number in range(BATCH_PARTS + 3)]
    said = hates(scorer_of(stub, "secret"), *texts)
    assert said == [pytest.approx(text.count("!") * 0.1) for text in texts]
    assert sorted(len(body["input"]) for body, _ in stub.requests) == [3, BATCH_PARTS]
    assert {(body["model"], key) for body, key in stub.requests} == {("omni", "Bearer secret")}


def test_scores_and_flags_are_the_server_s(stub: ModerationStub) -> None:
    (hateful, kind) = scorer_of(stub).score(["I hate you", "Hello"])
    assert hateful == TextScores({"hate": 0.5, "violence": 0.01}, ["hate"])
    assert kind == TextScores({"hate": 0, "violence": 0.01}, [])


def test_a_long_text_has_the_highest_scores_of_its_parts(stub: ModerationStub) -> None:
    text = "a" * MAX_PART_CHARACTERS + "hate!" + "b" * MAX_PART_CHARACTERS
    assert hates(scorer_of(stub), text, "", "hate") == [pytest.approx(0.6), 0, 0.5]
    assert list(scorer_of(stub).score([])) == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(stub: ModerationStub, status: int) -> None:
    stub.failures.extend([(status, {})] * 3)
    assert hates(scorer_of(stub), "hate") == [0.5]
    assert len(stub.requests) == 4


@pytest.mark.parametrize(
    "answer",
    [
        (503, {}),
        (401, {"error": "no key"}),
        (404, {}),
        (302, {}),
        (200, {"results": []}),
        (200, []),
        (200, {"results": [{"category_scores": {}}]}),
        (200, {"results": [{"category_scores": {"hate": 2}}]}),
        (200, {"results": [{"category_scores": {"hate": True}}]}),
        (200, {"results": ["hate"]}),
    ],
)
def test_what_the_server_does_not_answer_has_no_scores_and_is_not_waited_for_again(
    stub: ModerationStub, answer: tuple[int, object]
) -> None:
    scorer = scorer_of(stub)
    stub.failures.extend([answer] * 4)
    assert hates(scorer, "hate") == [None]
    asked = len(stub.requests)
    stub.failures.clear()
    assert hates(scorer, "hate") == [None]
    assert len(stub.requests) == asked


def test_a_server_that_failed_is_asked_again_after_a_while(
    stub: ModerationStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer = scorer_of(stub)
    stub.failures.append((401, {}))
    assert hates(scorer, "hate") == [None]
    later = monotonic() + 3600
    monkeypatch.setattr(moderation_server, "monotonic", lambda: later)
    assert hates(scorer, "hate") == [0.5]


def test_a_server_that_is_not_there_gives_no_scores() -> None:
    scorer = ModerationServer("http://127.0.0.1:9/v1/moderations", None, None, 1)
    assert hates(scorer, "hate", "Hello") == [None, None]
    assert scorer.version == "default at 127.0.0.1/v1/moderations"


def test_a_text_that_the_server_refuses_takes_no_scores_from_others(stub: ModerationStub) -> None:
    stub.refuses = lambda text: "odd" in text
    assert hates(scorer_of(stub), "hate", "odd", "!") == [0.5, None, 0.1]


def test_what_is_logged_names_neither_the_place_nor_the_key(
    stub: ModerationStub, caplog: pytest.LogCaptureFixture
) -> None:
    stub.failures.append((401, {"error": "no"}))
    assert hates(scorer_of(stub, "secret"), "hate") == [None]
    assert caplog.messages == ["the moderation server gave no scores: status 401"]
