"""Which failures are tried again, and how long to wait before the next attempt."""

import random
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, Self

from urllib3.exceptions import InvalidHeader
from urllib3.response import BaseHTTPResponse
from urllib3.util.retry import Retry

BACKOFF_FACTOR_S: Final = 0.25
BACKOFF_MAX_S: Final = 30.0
BACKOFF_JITTER_S: Final = 0.25
# From here on the exponential is far above BACKOFF_MAX_S, and a larger one isn't computed.
BACKOFF_MAX_DOUBLINGS: Final = 16
# A service that asks for more patience than this is down, and someone should be told.
RETRY_AFTER_MAX_S: Final = 120.0

RETRIED_STATUSES: Final = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
        *range(HTTPStatus.INTERNAL_SERVER_ERROR + 1, 600),
    }
)

Pause = Callable[[float], bool]
"""Waits for some seconds. It returns early, with True, when there should be no next attempt."""


class StoppedError(Exception):
    """The client is stopping, so there is no next attempt."""


def backoff_s(failures: int) -> float:
    """Return how long to wait after failures without an answer that says how long.

    The wait doubles with every failure up to a limit, with a random part, so that clients which
    failed together don't come back together. The first failure isn't waited for: often it is a
    connection that the service has closed meanwhile.

    Args:
        failures: How many attempts have failed in a row.
    """
    if failures <= 1:
        return 0.0
    doubled_s = BACKOFF_FACTOR_S * 2.0 ** min(failures - 1, BACKOFF_MAX_DOUBLINGS)
    jitter_s = random.random() * BACKOFF_JITTER_S  # noqa: S311  # it spreads load, and is no secret
    return min(doubled_s + jitter_s, BACKOFF_MAX_S)


def retry_after_s(header: str | None) -> float | None:
    """Return how long a Retry-After header asks to wait, up to a limit; None when it says nothing.

    Args:
        header: Seconds or a date; None when the answer has no such header.
    """
    if header is None:
        return None
    try:
        return min(Retry().parse_retry_after(header), RETRY_AFTER_MAX_S)
    except InvalidHeader:
        return None


class StoppableRetry(Retry):
    """urllib3's retries, with waits that end at once when the client stops.

    Attributes:
        pause: Waits between attempts.
    """

    pause: Pause

    def new(self, **kw: object) -> Self:
        """Return the policy for the next attempt; urllib3 makes one for each."""
        following = super().new(**kw)
        following.pause = self.pause
        return following

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        """Wait for as long as the service asks, or else exponentially longer each time.

        Raises:
            StoppedError: The client stops.
        """
        header = None if response is None else response.headers.get("Retry-After")
        if self.pause(retry_after_s(header) or backoff_s(len(self.history))):
            raise StoppedError


def retry_policy(retries: int, pause: Pause) -> StoppableRetry:
    """Return the policy for one upload.

    POST may be retried because the service stores an upload once per Idempotency-Key, and has
    stored nothing when it answers anything but 200 or 202.

    Args:
        retries: How many attempts may follow the first.
        pause: Waits between attempts.
    """
    policy = StoppableRetry(
        total=retries,
        allowed_methods={"POST"},
        status_forcelist=RETRIED_STATUSES,
        raise_on_status=False,
    )
    policy.pause = pause
    return policy
