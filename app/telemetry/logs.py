"""Logs: one form of line for the server, its workers and the committer."""

import logging
import re
import secrets
import sys
from contextvars import ContextVar
from logging.config import dictConfig
from typing import Final, Literal

from pythonjsonlogger.core import RESERVED_ATTRS

LogFormat = Literal["auto", "json", "text"]

_GUNICORN: Final = "gunicorn.error"
_OURS: Final = ("app", "catalog", "migrations", _GUNICORN)
"""Loggers that follow the setting; what other libraries tell below a warning may quote values."""
_TEXT: Final = "%(asctime)s [%(process)d] [%(levelname)s] %(message)s%(request_suffix)s"
_JSON: Final = ("levelname", "name", "process", "message")
_JSON_NAMES: Final = {"levelname": "level", "name": "logger", "exc_info": "exception"}
_SANE_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_ID_BYTES: Final = 8
_SENT: Final = re.compile(
    r"(?P<kept>Invalid request from .*?): b?['\"].*|(?P<handled>Error handling request [^?]*)\?.*",
    re.DOTALL,
)
"""Lines of gunicorn's that quote what a client sent, and what of them is kept."""


class RequestId:
    """The id of a request: its client's when that is sane, else made when it is first needed."""

    def __init__(self, sent: str | None = None) -> None:
        """Take what came as `X-Request-ID`, unless a log line could be forged with it."""
        self.was_sent = sent is not None and _SANE_ID.fullmatch(sent) is not None
        self._text = sent if self.was_sent else None

    def __str__(self) -> str:
        if self._text is None:
            self._text = secrets.token_hex(_ID_BYTES)
        return self._text


current_request: Final[ContextVar[RequestId | None]] = ContextVar("current_request", default=None)
"""The request that this thread handles."""


def configure(level: str, log_format: LogFormat) -> None:
    """Write every log line of this process to standard error.

    Args:
        level: The lowest level of our own lines; of other libraries only warnings are written.
        log_format: `text` or `json`; `auto` is text on a terminal and JSON elsewhere.
    """
    chosen = log_format
    if log_format == "auto":
        chosen = "text" if sys.stderr.isatty() else "json"
    ours = {"level": level, "handlers": [], "propagate": True}
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "text": {"format": _TEXT},
                "json": {
                    "()": "pythonjsonlogger.json.JsonFormatter",
                    "fmt": _JSON,
                    "timestamp": "time",
                    "rename_fields": _JSON_NAMES,
                    "reserved_attrs": [*RESERVED_ATTRS, "request_suffix"],
                },
            },
            "filters": {"request": {"()": _NameRequest}, "quotes": {"()": _DropQuotes}},
            "handlers": {
                "stderr": {
                    "class": "logging.StreamHandler",
                    "formatter": chosen,
                    "filters": ["request", "quotes"],
                }
            },
            "root": {"level": "WARNING", "handlers": ["stderr"]},
            "loggers": dict.fromkeys(_OURS, ours),
        }
    )
    logging.captureWarnings(capture=True)


class _NameRequest(logging.Filter):
    """Gives a record the id of the request that its thread handles."""

    def filter(self, record: logging.LogRecord) -> bool:
        request_id = current_request.get()
        record.request_suffix = ""
        if request_id is not None:
            record.request_id = str(request_id)
            record.request_suffix = f" [{request_id}]"
        return True


class _DropQuotes(logging.Filter):
    """Takes out of gunicorn's records what clients sent.

    Where a body is longer than its Content-Length, the rest of it is taken for a next request, and
    the complaint about that quotes it. A target may hold a query.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == _GUNICORN:
            quoting = _SENT.fullmatch(record.getMessage())
            if quoting:
                record.msg, record.args = quoting["kept"] or quoting["handled"], ()
        return True
