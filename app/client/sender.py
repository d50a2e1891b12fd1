"""Submissions to the service."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from http import HTTPStatus
from typing import Protocol

import requests
from requests.adapters import HTTPAdapter

from app.client import jsontext
from app.client.errors import ServiceUnavailableError
from app.client.records import Accepted, Json, Outcome, Rejected, Submission, Unsent
from app.client.retry import RETRIED_STATUSES, Pause, StoppedError, retry_policy

INGEST_PATH = "/v1/ingest/chat"
ACCEPTED_STATUSES = frozenset({HTTPStatus.OK, HTTPStatus.ACCEPTED})
# These speak of the address, not of the row: every other row would meet the same.
WRONG_ADDRESS_STATUSES = frozenset(
    {*range(300, 400), HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
)
# One row can be what a service fails at. So many one after the other are not the rows' fault.
SERVER_ERRORS_IN_A_ROW = 16
SUBMISSIONS_AHEAD_PER_THREAD = 4


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


class SingleSender:
    """Sends one request per submission, from several threads.

    Args:
        url: The service's base URL.
        concurrency: How many requests may be under way at a time.
        retries: How many attempts may follow a submission's first.
        timeout_s: How long to wait for a connection, and then for an answer.
        pause: Waits between attempts, and returns True when there should be no next one.
    """

    def __init__(
        self,
        url: str,
        *,
        concurrency: int,
        retries: int,
        timeout_s: float,
        pause: Pause | None = None,
    ) -> None:
        self._url = url
        self._ingest_url = url.rstrip("/") + INGEST_PATH
        self._concurrency = concurrency
        self._timeout_s = timeout_s
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
            for outcome in self._outcomes(submissions, threads):
                self._watch_for_server_errors(outcome)
                yield outcome
        if self._failure:
            raise ServiceUnavailableError(self._url, self._failure)

    def _outcomes(
        self, submissions: Iterable[Submission], threads: ThreadPoolExecutor
    ) -> Iterator[Outcome]:
        under_way: deque[Future[Outcome]] = deque()
        for submission in submissions:
            under_way.append(threads.submit(self._post, submission))
            if self._stopping.is_set():
                break
            if len(under_way) == self._concurrency * SUBMISSIONS_AHEAD_PER_THREAD:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()

    def _open_session(self, sessions: ExitStack) -> None:
        session = sessions.enter_context(requests.Session())
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=self._retries)
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        self._thread.session = session

    def _post(self, submission: Submission) -> Outcome:
        if self._stopping.is_set():
            return Unsent(submission.line)
        session: requests.Session = self._thread.session
        try:
            with session.post(
                self._ingest_url,
                data=jsontext.dump(submission.body),
                headers={"Content-Type": "application/json"},
                timeout=self._timeout_s,
                # The status alone says whether it is stored: that the rest of the answer gets
                # lost doesn't make it a failure.
                stream=True,
                allow_redirects=False,
            ) as response:
                return self._judged(submission, response)
        except StoppedError:
            return Unsent(submission.line)
        except requests.RequestException as error:
            return self._given_up(submission, _root_cause(error))

    def _judged(self, submission: Submission, response: requests.Response) -> Outcome:
        status, answer = response.status_code, _answer(response)
        message = str(answer.get("message") or response.reason or "no message")
        if status in ACCEPTED_STATUSES:
            if "ingest_id" in answer:
                return Accepted(submission.line)
            return self._given_up(submission, f"answered {status} but not as a chatlake does")
        if status in WRONG_ADDRESS_STATUSES:
            return self._given_up(submission, f"answered {status} {message}: is the URL right?")
        if status in RETRIED_STATUSES and status != HTTPStatus.INTERNAL_SERVER_ERROR:
            return self._given_up(submission, f"kept answering {status} {message}")
        errors = answer.get("errors")
        return Rejected(
            line=submission.line,
            message=message,
            row=submission.row,
            status=status,
            errors=errors if isinstance(errors, dict) else {},
        )

    def _watch_for_server_errors(self, outcome: Outcome) -> None:
        match outcome:
            case Rejected(status=HTTPStatus.INTERNAL_SERVER_ERROR, message=message):
                self._server_errors_in_a_row += 1
                if self._server_errors_in_a_row == SERVER_ERRORS_IN_A_ROW:
                    self._fail(f"answered 500 {message} to {SERVER_ERRORS_IN_A_ROW} rows in a row")
            case Accepted() | Rejected():
                self._server_errors_in_a_row = 0

    def _given_up(self, submission: Submission, reason: str) -> Unsent:
        self._fail(reason)
        return Unsent(submission.line)

    def _fail(self, reason: str) -> None:
        self._failure = self._failure or reason
        self._stopping.set()


def _answer(response: requests.Response) -> Json:
    """Return the answer's JSON object; an empty one when it holds anything else."""
    try:
        answer = response.json()
    except requests.JSONDecodeError:
        return {}
    except requests.RequestException:
        # Cut off after its status, which is what the service's promise hangs on.
        return {"ingest_id": None}
    return answer if isinstance(answer, dict) else {}


def _root_cause(error: BaseException) -> str:
    """Return what lies below the layers that requests and urllib3 wrap around it."""
    for inner in (getattr(error, "reason", None), *error.args):
        if isinstance(inner, BaseException):
            return _root_cause(inner)
    return str(error) or type(error).__name__
