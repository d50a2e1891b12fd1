"""Scores texts by a server that speaks OpenAI's `POST /v1/moderations`.

Source of the format: https://platform.openai.com/docs/api-reference/moderations. A server that is
away never ends a build: what it wasn't asked about has no scores, and the next build asks again.
"""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from app.curation.rules.cleaning.scores import TextScores

MAX_PART_CHARACTERS: Final = 4_000
"""A longer text is asked about in parts, and has the highest score of each category."""
BATCH_PARTS: Final = 32
"""Parts in a request."""
_CONCURRENT_REQUESTS: Final = 4
_RETRIES: Final = 3
_BACKOFF_S: Final = 0.25
_RETRIED: Final = (429, 500, 502, 503, 504)
_REFUSED: Final = frozenset({400, 413, 422})
"""Statuses by which a server refuses a text, and may take others."""
_AWAY_S: Final = 60.0
"""How long a server isn't asked after it failed, so that a build doesn't wait for it again and
again."""

_log = logging.getLogger(__name__)


class UnusableAnswer(ValueError):
    """A server's answer holds no scores."""


class ModerationServer:
    """Asks a server about texts.

    Attributes:
        name: The name of the scorer.
        version: The model and the place of the server.
    """

    name = "moderation"

    def __init__(self, url: str, model: str | None, key: str | None, timeout_s: int) -> None:
        """Ask a server.

        Args:
            url: The URL to post to.
            model: The model that the server shall use; None for the server's own choice.
            key: The key that is sent as a bearer token; None for none.
            timeout_s: Seconds to wait for an answer.
        """
        place = urlsplit(url)
        self.version = f"{model or 'default'} at {place.hostname}{place.path}"
        self._url = url
        self._fixed = {"model": model} if model else {}
        self._timeout_s = timeout_s
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._away_until = 0.0
        retry = Retry(
            _RETRIES,
            backoff_factor=_BACKOFF_S,
            status_forcelist=_RETRIED,
            allowed_methods=["POST"],
            raise_on_status=False,
            respect_retry_after_header=False,
        )
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(
                scheme, HTTPAdapter(max_retries=retry, pool_maxsize=_CONCURRENT_REQUESTS)
            )

    def score(self, texts: Sequence[str]) -> Iterator[TextScores | None]:
        """Yield what the server says of each text; None where it couldn't be asked."""
        parts = [_parts(text) for text in texts]
        asked = [part for of_text in parts for part in of_text]
        batches = [
            asked[start : start + BATCH_PARTS] for start in range(0, len(asked), BATCH_PARTS)
        ]
        with ThreadPoolExecutor(_CONCURRENT_REQUESTS, "moderation") as pool:
            answers = list(pool.map(self._ask, batches))
        said = [of_part for answer in answers for of_part in answer]
        ends = [0]
        for of_text in parts:
            ends.append(ends[-1] + len(of_text))
        for begin, end in pairwise(ends):
            yield _together(said[begin:end])

    def _ask(self, parts: Sequence[str]) -> list[TextScores | None]:
        """Return what the server says of parts; of a batch that it refuses, ask one by one."""
        if monotonic() < self._away_until:
            return [None] * len(parts)
        try:
            answer = self._post(parts)
            if answer.status_code in _REFUSED and len(parts) > 1:
                return [said for part in parts for said in self._ask([part])]
            answer.raise_for_status()
            return _read(answer.json(), len(parts))
        except (requests.RequestException, UnusableAnswer) as error:
            self._note(error, is_away=not _is_refusal(error))
            return [None] * len(parts)

    def _post(self, parts: Sequence[str]) -> requests.Response:
        return self._session.post(
            self._url,
            json={"input": list(parts), **self._fixed},
            headers=self._headers,
            timeout=self._timeout_s,
            allow_redirects=False,
        )

    def _note(self, error: Exception, *, is_away: bool) -> None:
        # An error of requests may hold the URL, and that a password.
        reason = str(error) if isinstance(error, UnusableAnswer) else type(error).__name__
        if isinstance(error, requests.HTTPError) and error.response is not None:
            reason = f"status {error.response.status_code}"
        _log.warning("the moderation server gave no scores: %s", reason)
        if is_away:
            self._away_until = monotonic() + _AWAY_S


def _is_refusal(error: Exception) -> bool:
    """Tell whether a server refused one text, and may take others."""
    if not isinstance(error, requests.HTTPError) or error.response is None:
        return False
    return error.response.status_code in _REFUSED


def _parts(text: str) -> list[str]:
    return [
        text[begin : begin + MAX_PART_CHARACTERS]
        for begin in range(0, max(len(text), 1), MAX_PART_CHARACTERS)
    ]


def _together(said: Sequence[TextScores | None]) -> TextScores | None:
    """Return what is said of a text, given what is said of its parts."""
    scores: dict[str, float] = {}
    flags: set[str] = set()
    for of_part in said:
        if of_part is None:
            return None
        for category, score in of_part.scores.items():
            scores[category] = max(score, scores.get(category, 0.0))
        flags.update(of_part.flags)
    return TextScores(scores, sorted(flags))


def _read(answer: Any, number: int) -> list[TextScores | None]:
    """Return what an answer says of each of some parts.

    Raises:
        UnusableAnswer: It isn't of the form.
    """
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list) or len(results) != number:
        raise UnusableAnswer(f"the answer has no list of {number} results")
    return [_result(result) for result in results]


def _result(result: Any) -> TextScores:
    scores = result.get("category_scores") if isinstance(result, dict) else None
    if not isinstance(scores, dict) or not scores:
        raise UnusableAnswer("a result has no category_scores")
    for category, score in scores.items():
        is_number = isinstance(score, int | float) and not isinstance(score, bool)
        if not (is_number and 0 <= score <= 1):
            raise UnusableAnswer(f"the score of {category!r} isn't a number from 0 to 1")
    flagged = result.get("categories")
    flags = [name for name, is_met in flagged.items() if is_met is True] if flagged else []
    return TextScores(scores, flags)
