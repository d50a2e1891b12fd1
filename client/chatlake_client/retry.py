"""When to send again, and how long to wait before it."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Self

from urllib3.exceptions import InvalidHeader
from urllib3.response import BaseHTTPResponse
from urllib3.util.retry import Retry

BACKOFF_FACTOR_S = 0.25
BACKOFF_MAX_S = 30
BACKOFF_JITTER_S = 0.25
# A service that asks for more patience than this is down, and someone should be told.
RETRY_AFTER_MAX_S = 120

RETRIED_STATUSES = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
        *range(HTTPStatus.INTERNAL_SERVER_ERROR + 1, 600),
    }
)

Pause = Callable[[float], bool]


class StoppedError(Exception):
    """The client is stopping, so there is no next attempt."""


class StoppableRetry(Retry):
    """urllib3's retries, with waits that end at once when the client stops.

    Attributes:
        pause: Waits for some seconds. It returns early, with True, when the client stops.
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
        if self.pause(self._asked_wait_s(response) or self.get_backoff_time()):
            raise StoppedError

    def _asked_wait_s(self, response: BaseHTTPResponse | None) -> float | None:
        try:
            return self.get_retry_after(response) if response else None
        except InvalidHeader:
            return None


def retry_policy(retries: int, pause: Pause) -> StoppableRetry:
    """Return the policy for one upload.

    POST may be retried because the service stores an upload once per Idempotency-Key, and has
    stored nothing when it answers anything but 200 or 202.

    Args:
        retries: How many attempts may follow the first.
        pause: Waits for some seconds, and returns True when there should be no next attempt.
    """
    policy = StoppableRetry(
        total=retries,
        allowed_methods={"POST"},
        status_forcelist=RETRIED_STATUSES,
        backoff_factor=BACKOFF_FACTOR_S,
        backoff_max=BACKOFF_MAX_S,
        backoff_jitter=BACKOFF_JITTER_S,
        retry_after_max=RETRY_AFTER_MAX_S,
        raise_on_status=False,
    )
    policy.pause = pause
    return policy
