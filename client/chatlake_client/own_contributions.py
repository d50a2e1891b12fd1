"""What belongs to a contributor: listed, and withdrawn."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Literal, Self
from urllib.parse import quote

import requests

from chatlake_client.bearer import Bearer
from chatlake_client.errors import RequestRefused, ServiceUnavailableError
from chatlake_client.retry import retry_after_s
from chatlake_client.upload import checked_url

DEFAULT_TIMEOUT_S: Final = 30.0
_SUBMITTER_HEADER: Final = "Chatlake-Submitter-Id"


@dataclass(frozen=True, slots=True)
class Takedown:
    """A takedown that the contributor asked for.

    Attributes:
        takedown_id: The number by which the state of the takedown can be asked for.
        state: `erasing` from the moment at which nobody sees it any more, and `erased` once no file
            of the lake holds it.
        requested_at: When it was recorded.
    """

    takedown_id: int
    state: Literal["erasing", "erased"]
    requested_at: datetime


class OwnContributions:
    """The contributions of whoever has a contributor key.

    Args:
        url: The service's base URL.
        key: The contributor key, or the `submitter_id` that was sent; or the API key with which
            another contributor's conversations were sent, such as that of an importer.
        submitter_id: With an API key: the `submitter_id` of the contributor who is meant.
        timeout_s: How long to wait for a connection, and then for an answer.

    Raises:
        ValueError: The URL's scheme isn't HTTP or HTTPS, or it has no host.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        submitter_id: str | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        self._url = checked_url(url).rstrip("/")
        self._timeout_s = timeout_s
        self._session = requests.Session()
        self._session.auth = Bearer(key)
        if submitter_id is not None:
            # Headers are ASCII, and the id may be any text.
            self._session.headers[_SUBMITTER_HEADER] = quote(submitter_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._session.close()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield every contribution that is committed, in every version, in the order of receipt.

        Raises:
            RequestRefused: The key could be guessed, so it owns nothing.
            ServiceUnavailableError: The service can't be reached or fails.
        """
        query: dict[str, str] = {}
        while True:
            page = self._ask("GET", "/v1/me/contributions", query)
            yield from page["contributions"]
            if page["next_cursor"] is None:
                return
            query = {"cursor": page["next_cursor"]}

    def withdraw(self, contribution_id: str) -> Takedown:
        """Have a contribution and the versions that it replaced taken down, for good.

        Withdrawing it again does nothing more.

        Raises:
            RequestRefused: There is no such contribution of this contributor.
            ServiceUnavailableError: The service can't be reached or fails.
        """
        return _takedown(self._ask("DELETE", f"/v1/contributions/{contribution_id}"))

    def withdraw_all(self) -> Takedown:
        """Have everything of the contributor taken down, also what isn't committed yet.

        Raises:
            RequestRefused: The contributor never sent anything.
            ServiceUnavailableError: The service can't be reached or fails.
        """
        return _takedown(self._ask("DELETE", "/v1/me"))

    def state_of(self, takedown_id: int) -> Takedown:
        """Return a takedown as it is now.

        Raises:
            RequestRefused: There is no such takedown of this contributor.
            ServiceUnavailableError: The service can't be reached or fails.
        """
        return _takedown(self._ask("GET", f"/v1/takedowns/{takedown_id}"))

    def _ask(self, method: str, path: str, query: dict[str, str] | None = None) -> Any:
        url = self._url + path
        try:
            answer = self._session.request(method, url, params=query, timeout=self._timeout_s)
            content = answer.json()
        except requests.RequestException as error:
            raise ServiceUnavailableError(self._url, str(error)) from error
        if answer.status_code in {HTTPStatus.OK, HTTPStatus.ACCEPTED}:
            return content
        message = str(content.get("message", answer.reason))
        if (
            answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
            or answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
        ):
            wait_s = retry_after_s(answer.headers.get("Retry-After"))
            raise ServiceUnavailableError(self._url, message, wait_s)
        raise RequestRefused(answer.status_code, message)


def _takedown(answer: dict[str, Any]) -> Takedown:
    return Takedown(
        answer["takedown_id"], answer["state"], datetime.fromisoformat(answer["requested_at"])
    )
