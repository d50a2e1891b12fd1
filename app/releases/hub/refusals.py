"""What the Hub and its library say when something fails, in words for the operator."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final

import httpx2
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import parse_ratelimit_headers

from app.releases.hub.errors import (
    HubBusy,
    HubError,
    HubForbidden,
    HubRefused,
    HubTokenRefused,
    HubUnreachable,
    RepositoryChanged,
    RepositoryNotFound,
)

_MAX_REASON_CHARS: Final = 300


@contextmanager
def asking(url: str, repository: str, token: str) -> Iterator[None]:
    """Raise the library's errors within a block as a `HubError`.

    Args:
        url: URL of the Hub.
        repository: Name of the repository that is asked for.
        token: Token that no message may have.
    """
    try:
        yield
    except HfHubHTTPError as error:
        raise _refusal(error, url, repository, token) from error
    except httpx2.TransportError as error:
        raise HubUnreachable(url, type(error).__name__) from error
    except json.JSONDecodeError as error:
        raise HubUnreachable(url, "its answer isn't JSON") from error
    except RuntimeError as error:
        # The library wraps what went wrong with one of several files.
        if error.__cause__ is None:
            raise
        with asking(url, repository, token):
            raise error.__cause__ from error
    except ValueError as error:
        raise HubRefused(repository, _in_one_line(str(error), token)) from error


def _refusal(error: HfHubHTTPError, url: str, repository: str, token: str) -> HubError:
    status = error.response.status_code
    reason = _in_one_line(error.server_message or "", token)
    by_status: dict[int, Callable[[], HubError]] = {
        HTTPStatus.UNAUTHORIZED: lambda: HubTokenRefused(repository),
        HTTPStatus.FORBIDDEN: lambda: HubForbidden(repository, reason),
        HTTPStatus.NOT_FOUND: lambda: RepositoryNotFound(repository),
        HTTPStatus.CONFLICT: lambda: RepositoryChanged(repository, reason),
        HTTPStatus.PRECONDITION_FAILED: lambda: RepositoryChanged(repository, reason),
        HTTPStatus.TOO_MANY_REQUESTS: lambda: HubBusy(repository, _wait_s(error)),
    }
    if status in by_status:
        return by_status[status]()
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return HubUnreachable(url, str(status))
    return HubRefused(repository, reason or str(status))


def _wait_s(error: HfHubHTTPError) -> int | None:
    headers = error.response.headers
    limit = parse_ratelimit_headers(headers)
    if limit is not None:
        return limit.reset_in_seconds
    after = headers.get("Retry-After", "")
    return int(after) if after.isdecimal() else None


def _in_one_line(text: str, token: str) -> str:
    """Return a message of the Hub that can be shown: one line, without the token."""
    printable = "".join(each if each.isprintable() else " " for each in text)
    line = re.sub(r" +", " ", printable).strip()
    return line.replace(token, "…")[:_MAX_REASON_CHARS]
