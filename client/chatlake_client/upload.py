"""Makes one upload of many lines, and finds out what became of each line."""

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from chatlake_client.bearer import Bearer
from chatlake_client.compression import compress
from chatlake_client.errors import ServiceUnavailableError
from chatlake_client.records import Accepted, Json, Outcome, Rejected, Unsent, UploadLine
from chatlake_client.retry import RETRIED_STATUSES, StoppableRetry, StoppedError, retry_after_s

UPLOAD_PATH: Final = "/v1/ingest/chats"
ACCEPTED_STATUSES: Final = frozenset({HTTPStatus.OK, HTTPStatus.ACCEPTED})
# These are about the address, not about the rows: every other row would get the same answer.
WRONG_ADDRESS_STATUSES: Final = frozenset(
    {*range(300, 400), HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
)
DENIED_STATUSES: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
# Errors of this header are about the token, which every other row would be sent with, too.
AUTHORIZATION: Final = "Authorization"
# One row can be what a service fails at. So many one after the other are not the rows' fault.
SERVER_ERRORS_IN_A_ROW: Final = 16


def checked_url(url: str) -> str:
    """Return a service's base URL as it was given.

    Raises:
        ValueError: The text is no URL of HTTP.
    """
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ValueError("give a URL such as http://127.0.0.1:8080")
    return url


@dataclass(slots=True)
class SendingState:
    """The state that the uploaders of one sender share: one failure ends the work of all.

    Attributes:
        url: The service's base URL.
        token: The API key or contributor key to send as a bearer token; None for none.
        stopping: Set when nothing more is to be sent.
        failure: The first failure; None while there is none.
        server_errors_in_a_row: How many lines by themselves were answered with an internal error
            since anything else was.
        ignored: Keys of submissions that the service doesn't know and hasn't stored.
        repeated: How many accepted lines the service had stored before.
        unowned: How many accepted lines nobody can withdraw by a key.
    """

    url: str
    token: str | None = field(default=None, repr=False)
    stopping: threading.Event = field(default_factory=threading.Event)
    failure: ServiceUnavailableError | None = None
    server_errors_in_a_row: int = 0
    ignored: set[str] = field(default_factory=set)
    repeated: int = 0
    unowned: int = 0
    _counting: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, report: Json) -> None:
        """Add the numbers of lines that a report states."""
        repeated, unowned = report.get("repeated"), report.get("unowned")
        with self._counting:
            self.repeated += repeated if isinstance(repeated, int) else 0
            self.unowned += unowned if isinstance(unowned, int) else 0

    def fail(self, reason: str, asked_wait_s: float | None = None) -> None:
        """End the sending; only the first failure is kept.

        Args:
            reason: What happened.
            asked_wait_s: How long the service asks to wait; None when it doesn't say.
        """
        self.failure = self.failure or ServiceUnavailableError(self.url, reason, asked_wait_s)
        self.stopping.set()


class Uploader:
    """Uploads lines over a connection of its own, for one thread at a time.

    Args:
        state: The state that the uploaders of one sender share.
        retries: When an upload is tried again.
        timeout_s: How long to wait for a connection, and then for an answer.
    """

    def __init__(self, state: SendingState, *, retries: StoppableRetry, timeout_s: float) -> None:
        self._state = state
        self._url = state.url.rstrip("/") + UPLOAD_PATH
        self._timeout_s = timeout_s
        self._session = requests.Session()
        if state.token is not None:
            self._session.auth = Bearer(state.token)
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=retries)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._session.close()

    def deliver(self, lines: Sequence[UploadLine]) -> list[Outcome]:
        """Upload lines, in parts where the answer to all of them doesn't tell enough.

        Returns:
            One outcome for each line, in order. After a failure, which is in the state, the lines
            are unsent.
        """
        return self._deliver(lines, is_first=True)

    def _deliver(self, lines: Sequence[UploadLine], *, is_first: bool) -> list[Outcome]:
        if self._state.stopping.is_set():
            return _unsent(lines)
        try:
            response = self._post(b"".join(line.text for line in lines))
        except StoppedError:
            return _unsent(lines)
        except requests.RequestException as error:
            self._state.fail(_root_cause(error))
            return _unsent(lines)
        return self._judged(lines, response, is_first=is_first)

    def _post(self, text: bytes) -> requests.Response:
        data, encoding = compress(text)
        return self._session.post(
            self._url,
            data=data,
            headers={
                "Content-Type": "application/x-ndjson",
                "Content-Encoding": encoding,
                "Idempotency-Key": _request_key(text, self._state.token),
            },
            timeout=self._timeout_s,
            allow_redirects=False,
        )

    def _judged(
        self, lines: Sequence[UploadLine], response: requests.Response, *, is_first: bool
    ) -> list[Outcome]:
        """Return the outcomes that an answer means, after further uploads where it needs them.

        Args:
            lines: The lines of the upload.
            response: The answer to it.
            is_first: Whether the lines weren't uploaded before, with an answer that left them open.
        """
        status, answer = response.status_code, _json_object(response)
        message = str(answer.get("message") or response.reason or "no message")
        report = answer if status in ACCEPTED_STATUSES else answer.get("errors")
        details = report if isinstance(report, dict) else {}
        if isinstance(details.get("rejected"), int):
            if is_first:
                self._state.count(details)
            return self._reported(lines, details)
        if reason := _reason_to_stop(status, message, details):
            self._state.fail(reason, retry_after_s(response.headers.get("Retry-After")))
            return _unsent(lines)
        if len(lines) == 1:
            return [self._refused(lines[0], status, message, details)]
        # One of the lines is to blame: halving the upload leaves it alone in the end.
        half = len(lines) // 2
        parts = lines[:half], lines[half:]
        return [each for part in parts for each in self._deliver(part, is_first=is_first)]

    def _reported(self, lines: Sequence[UploadLine], report: Json) -> list[Outcome]:
        """Return the outcomes that a report states, and upload again what it leaves open."""
        self._state.server_errors_in_a_row = 0
        ignored = report.get("ignored")
        self._state.ignored.update(map(str, ignored if isinstance(ignored, list) else ()))
        errors = report.get("errors")
        listed = {error["line"]: error for error in errors} if isinstance(errors, list) else {}
        # A report that was cut says nothing about the lines after the last one that it lists.
        covered = max(listed, default=0) if report.get("errors_truncated") else len(lines)
        outcomes: list[Outcome] = [
            _rejected(line, listed[place]) if place in listed else Accepted(line.number)
            for place, line in enumerate(lines[:covered], 1)
        ]
        if covered < len(lines):
            outcomes += self._deliver(lines[covered:], is_first=False)
        return outcomes

    def _refused(self, line: UploadLine, status: int, message: str, errors: Json) -> Rejected:
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            self._state.server_errors_in_a_row += 1
            if self._state.server_errors_in_a_row == SERVER_ERRORS_IN_A_ROW:
                self._state.fail(
                    f"answered 500 {message} to {SERVER_ERRORS_IN_A_ROW} rows in a row"
                )
        else:
            self._state.server_errors_in_a_row = 0
        return Rejected(line.number, message, line.row, status=status, errors=errors)


def _request_key(text: bytes, token: str | None) -> str:
    """Return the Idempotency-Key of an upload, as hexadecimal digits.

    The service takes the same text from another sender for another upload, and refuses a key that
    came with one. So who sends a file without a token first can send it again with one.
    """
    digest = hashlib.sha256(text)
    if token is not None:
        # No text begins with this byte, which UTF-8 doesn't have.
        digest.update(b"\xff" + token.encode())
    return digest.hexdigest()


def _unsent(lines: Sequence[UploadLine]) -> list[Outcome]:
    return [Unsent(line.number) for line in lines]


def _reason_to_stop(status: int, message: str, errors: Json) -> str | None:
    """Return why an answer ends the sending; None when it is about the rows."""
    if status in ACCEPTED_STATUSES:
        return f"answered {status} but not as a chatlake does"
    if status in WRONG_ADDRESS_STATUSES:
        return f"answered {status} {message}: is the URL right?"
    if status in DENIED_STATUSES or AUTHORIZATION in errors:
        return f"answered {status} {message}"
    if status in RETRIED_STATUSES:
        return f"kept answering {status} {message}"
    return None


def _rejected(line: UploadLine, error: Json) -> Rejected:
    errors = error.get("errors")
    return Rejected(
        line=line.number,
        message=str(error.get("message")),
        row=line.row,
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        errors=errors if isinstance(errors, dict) else {},
    )


def _json_object(response: requests.Response) -> Json:
    """Return the JSON object of an answer; an empty one when its body is anything else."""
    try:
        answer = response.json()
    except requests.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _root_cause(error: BaseException) -> str:
    """Return the error below the layers that requests and urllib3 wrap around it, in words."""
    for inner in (getattr(error, "reason", None), *error.args):
        if isinstance(inner, BaseException):
            return _root_cause(inner)
    return str(error) or type(error).__name__
