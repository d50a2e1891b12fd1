"""Submissions to the service, many in each upload."""

import hashlib
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from http import HTTPStatus
from typing import Final, Protocol

import pyarrow as pa
import requests
from requests.adapters import HTTPAdapter

from chatlake_client import jsontext
from chatlake_client.errors import ServiceUnavailableError
from chatlake_client.records import Accepted, Json, Outcome, Rejected, Submission, Unsent
from chatlake_client.retry import RETRIED_STATUSES, Pause, StoppedError, retry_policy

UPLOAD_PATH: Final = "/v1/ingest/chats"
ENCODING: Final = "zstd"
MAX_UPLOAD_ROWS: Final = 10_000
MAX_UPLOAD_BYTES: Final = 16 * 1024 * 1024
"""Size of the lines at which an upload is sent; a row may exceed it."""
ACCEPTED_STATUSES = frozenset({HTTPStatus.OK, HTTPStatus.ACCEPTED})
# These speak of the address, not of the rows: every other row would meet the same.
WRONG_ADDRESS_STATUSES = frozenset(
    {*range(300, 400), HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
)
# One row can be what a service fails at. So many one after the other are not the rows' fault.
SERVER_ERRORS_IN_A_ROW = 16


class Sender(Protocol):
    """Delivers submissions, by whatever route."""

    def send(self, submissions: Iterable[Submission]) -> Iterator[Outcome]:
        """Yield one outcome for each submission taken, in order.

        Takes only a bounded number of submissions ahead of the outcomes.

        Raises:
            ServiceUnavailableError: The service can't be reached. The outcomes of all submissions
                that were taken have been yielded before.
        """

    def stop(self) -> None:
        """Take no more submissions and wait for no more retries; may be called at any time."""


class BulkSender:
    """Sends uploads of many submissions each, from several threads.

    Args:
        url: The service's base URL.
        concurrency: How many requests may be under way at a time.
        retries: How many attempts may follow an upload's first.
        timeout_s: How long to wait for a connection, and then for an answer.
        pause: Waits between attempts, and returns True when there should be no next one.
        max_upload_rows: How many submissions an upload has at most.
    """

    def __init__(
        self,
        url: str,
        *,
        concurrency: int,
        retries: int,
        timeout_s: float,
        pause: Pause | None = None,
        max_upload_rows: int = MAX_UPLOAD_ROWS,
    ) -> None:
        self._url = url
        self._upload_url = url.rstrip("/") + UPLOAD_PATH
        self._concurrency = concurrency
        self._timeout_s = timeout_s
        self._max_upload_rows = max_upload_rows
        self._stopping = threading.Event()
        self._retries = retry_policy(retries, self._stopping.wait if pause is None else pause)
        self._thread = threading.local()
        self._failure: str | None = None
        self._server_errors_in_a_row = 0

    def stop(self) -> None:
        """Take no more submissions and wait for no more retries."""
        self._stopping.set()

    def send(self, submissions: Iterable[Submission]) -> Iterator[Outcome]:
        """Yield one outcome for each submission taken, in order.

        Raises:
            ServiceUnavailableError: The service can't be reached, is not a chatlake, or fails at
                everything.
        """
        with (
            ExitStack() as sessions,
            ThreadPoolExecutor(
                self._concurrency, initializer=self._open_session, initargs=(sessions,)
            ) as threads,
        ):
            for outcomes in self._outcomes(submissions, threads):
                yield from outcomes
        if self._failure:
            raise ServiceUnavailableError(self._url, self._failure)

    def _outcomes(
        self, submissions: Iterable[Submission], threads: ThreadPoolExecutor
    ) -> Iterator[list[Outcome]]:
        under_way: deque[Future[list[Outcome]]] = deque()
        for lines, rows in self._uploads(submissions):
            under_way.append(threads.submit(self._deliver, lines, rows))
            # One more than are under way, so that no thread waits for the file to be read.
            if len(under_way) > self._concurrency:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()

    def _uploads(
        self, submissions: Iterable[Submission]
    ) -> Iterator[tuple[list[bytes], list[Submission]]]:
        """Yield the submissions of each upload, and their lines, until told to stop."""
        lines: list[bytes] = []
        rows: list[Submission] = []
        size_bytes = 0
        for row in submissions:
            line = jsontext.dump(row.body) + b"\n"
            lines.append(line)
            rows.append(row)
            size_bytes += len(line)
            is_full = len(rows) >= self._max_upload_rows or size_bytes >= MAX_UPLOAD_BYTES
            if is_full or self._stopping.is_set():
                yield lines, rows
                lines, rows, size_bytes = [], [], 0
            if self._stopping.is_set():
                return
        if rows:
            yield lines, rows

    def _open_session(self, sessions: ExitStack) -> None:
        session = sessions.enter_context(requests.Session())
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=self._retries)
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        self._thread.session = session

    def _deliver(self, lines: Sequence[bytes], rows: Sequence[Submission]) -> list[Outcome]:
        """Upload lines, in parts where the answer to all of them doesn't tell enough."""
        if self._stopping.is_set():
            return [Unsent(row.line) for row in rows]
        try:
            response = self._post(b"".join(lines))
        except StoppedError:
            return [Unsent(row.line) for row in rows]
        except requests.RequestException as error:
            return self._given_up(rows, _root_cause(error))
        return self._judged(lines, rows, response)

    def _post(self, text: bytes) -> requests.Response:
        session: requests.Session = self._thread.session
        return session.post(
            self._upload_url,
            data=pa.compress(text, codec=ENCODING, asbytes=True),
            headers={
                "Content-Type": "application/x-ndjson",
                "Content-Encoding": ENCODING,
                "Idempotency-Key": hashlib.sha256(text).hexdigest(),
            },
            timeout=self._timeout_s,
            allow_redirects=False,
        )

    def _judged(
        self, lines: Sequence[bytes], rows: Sequence[Submission], response: requests.Response
    ) -> list[Outcome]:
        status, answer = response.status_code, _answer(response)
        message = str(answer.get("message") or response.reason or "no message")
        report = answer if status in ACCEPTED_STATUSES else answer.get("errors")
        if isinstance(report, dict) and isinstance(report.get("rejected"), int):
            return self._told(lines, rows, report)
        if reason := _end(status, message):
            return self._given_up(rows, reason)
        if len(rows) == 1:
            return [self._refused(rows[0], status, message, report)]
        # One of them is to blame, and is left alone in the end.
        half = len(rows) // 2
        first = self._deliver(lines[:half], rows[:half])
        return first + self._deliver(lines[half:], rows[half:])

    def _told(
        self, lines: Sequence[bytes], rows: Sequence[Submission], report: Json
    ) -> list[Outcome]:
        """Return the outcomes that a report tells, and upload again what it doesn't tell of."""
        self._server_errors_in_a_row = 0
        errors = report.get("errors")
        listed = {each["line"]: each for each in errors} if isinstance(errors, list) else {}
        told = max(listed, default=0) if report.get("errors_truncated") else len(rows)
        outcomes: list[Outcome] = [
            _rejected(row, listed[number]) if number in listed else Accepted(row.line)
            for number, row in enumerate(rows[:told], 1)
        ]
        return outcomes + self._deliver(lines[told:], rows[told:]) if told < len(rows) else outcomes

    def _refused(self, row: Submission, status: int, message: str, errors: object) -> Rejected:
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            self._server_errors_in_a_row += 1
            if self._server_errors_in_a_row == SERVER_ERRORS_IN_A_ROW:
                self._fail(f"answered 500 {message} to {SERVER_ERRORS_IN_A_ROW} rows in a row")
        else:
            self._server_errors_in_a_row = 0
        details = errors if isinstance(errors, dict) else {}
        return Rejected(row.line, message, row.row, status=status, errors=details)

    def _given_up(self, rows: Sequence[Submission], reason: str) -> list[Outcome]:
        self._fail(reason)
        return [Unsent(row.line) for row in rows]

    def _fail(self, reason: str) -> None:
        self._failure = self._failure or reason
        self._stopping.set()


def _end(status: int, message: str) -> str | None:
    """Return why an answer ends the sending; None when it is about the rows."""
    if status in ACCEPTED_STATUSES:
        return f"answered {status} but not as a chatlake does"
    if status in WRONG_ADDRESS_STATUSES:
        return f"answered {status} {message}: is the URL right?"
    if status in RETRIED_STATUSES:
        return f"kept answering {status} {message}"
    return None


def _rejected(row: Submission, error: Json) -> Rejected:
    errors = error.get("errors")
    return Rejected(
        line=row.line,
        message=str(error.get("message")),
        row=row.row,
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        errors=errors if isinstance(errors, dict) else {},
    )


def _answer(response: requests.Response) -> Json:
    """Return the answer's JSON object; an empty one when it holds anything else."""
    try:
        answer = response.json()
    except requests.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _root_cause(error: BaseException) -> str:
    """Return what lies below the layers that requests and urllib3 wrap around it."""
    for inner in (getattr(error, "reason", None), *error.args):
        if isinstance(inner, BaseException):
            return _root_cause(inner)
    return str(error) or type(error).__name__
