"""Conversations under way to a server, and what became of each."""

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from random import Random
from threading import Event
from types import TracebackType
from typing import Any, Final, Self

import requests
from pyiceberg.table import Table

from tests.factories import make_submission
from tests.functional.server import REQUEST_TIMEOUT_S, eventually

THREADS: Final = 4
PAUSE_S: Final = 0.2
"""Time between an answer and the next submission, in which the server's other work gets on."""
RETRY_S: Final = 0.05
REFUSALS: Final = frozenset({HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS})
SOURCE: Final = "load"

# Most conversations are small; some are large enough to be cut off in the middle of a write.
_TEXT_CHARACTERS: Final = (20, 20, 200, 200, 2_000, 100_000)

Texts = tuple[str, ...]
Landed = Counter[Texts]


@dataclass
class Load:
    """Submits different conversations from several threads until its block ends.

    It does what a patient client does: a submission that is refused or gets no answer is sent
    again, and again, before the next one.

    Attributes:
        url: The server.
        name: Begins every ingest id, so that no other load has the same.
        seed: Decides over texts and their lengths.
        acknowledged: The submissions that were answered with 200.
        unanswered: Those that were sent but not acknowledged when the block ended.
        refused: How many answers were 503 or 429 with Retry-After. None other but 200 is allowed.
    """

    url: str
    name: str
    seed: int = 0
    acknowledged: list[dict[str, Any]] = field(default_factory=list)
    unanswered: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0
    _stop: Event = field(default_factory=Event)
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(THREADS, "load"), repr=False
    )
    _results: list[Future[None]] = field(default_factory=list, repr=False)

    def __enter__(self) -> Self:
        self._results = [self._threads.submit(self._run, number) for number in range(THREADS)]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._threads.shutdown()
        for result in self._results:
            result.result()

    def wait_for(self, more: int) -> None:
        """Return once so many more were acknowledged."""
        enough = len(self.acknowledged) + more
        eventually(f"{more} more are acknowledged", lambda: len(self.acknowledged) >= enough)

    def _run(self, thread: int) -> None:
        random = Random(f"{self.name} {self.seed} {thread}")  # noqa: S311  # it makes texts
        with requests.Session() as session:
            for number in count(1):
                submission = _submission(f"{self.name}-{thread}-{number}", random)
                if not self._deliver(session, submission) or self._stop.wait(PAUSE_S):
                    return

    def _deliver(self, session: requests.Session, submission: dict[str, Any]) -> bool:
        """Send it until it is acknowledged; return False when the block ended before."""
        if self._stop.is_set():
            return False
        while not self._is_acknowledged(session, submission):
            if self._stop.wait(RETRY_S):
                self.unanswered.append(submission)
                return False
        self.acknowledged.append(submission)
        return True

    def _is_acknowledged(self, session: requests.Session, submission: dict[str, Any]) -> bool:
        try:
            answer = session.post(
                f"{self.url}/v1/ingest/chat", json=submission, timeout=REQUEST_TIMEOUT_S
            )
        except requests.RequestException:
            return False
        if answer.status_code in REFUSALS and "Retry-After" in answer.headers:
            self.refused += 1
            return False
        assert answer.status_code == HTTPStatus.OK, answer.text
        return True


def _submission(ingest_id: str, random: Random) -> dict[str, Any]:
    text = f"{random.random()} é\U0001f600 " * (random.choice(_TEXT_CHARACTERS) // 20)
    contents = (f"question of {ingest_id}", text)
    # Some are anonymous: their idempotency keys are made in another way.
    submitter = {"submitter_id": "a contributor"} if random.random() < 0.8 else {}
    return make_submission(*contents, ingest_id=ingest_id, source=SOURCE, **submitter)


def expected(submissions: Iterable[dict[str, Any]]) -> Landed:
    """Return what the table holds when it holds each of these submissions once."""
    return Counter(_identity(submission) for submission in submissions)


def landed(table: Table) -> Landed:
    """Return every version of every conversation of a load in the table, read by pyiceberg."""
    scan = table.scan(selected_fields=("source", "conversation"))
    return Counter(
        _identity(row)
        for batch in scan.to_arrow_batch_reader()
        for row in batch.to_pylist()
        if row["source"] == SOURCE
    )


def _identity(row: dict[str, Any]) -> Texts:
    # The first text has the client's id of the conversation.
    return tuple(turn["content"] for turn in row["conversation"])
