"""Logging: the server, its workers and the committer write lines of one format."""

import logging
import re
import secrets
import sys
from contextvars import ContextVar
from logging.config import dictConfig
from typing import Final, Literal

from pythonjsonlogger.core import RESERVED_ATTRS

LogFormat = Literal["auto", "json", "text"]

_OWN_LOGGERS: Final = ("app", "catalog", "migrations", "gunicorn.error")
"""Loggers whose level is the setting. Others start at WARNING: below it they may log values."""
_TEXT: Final = "%(asctime)s [%(process)d] [%(levelname)s] %(message)s%(request_suffix)s"
_JSON: Final = ("levelname", "name", "process", "message")
_JSON_NAMES: Final = {"levelname": "level", "name": "logger", "exc_info": "exception"}
_SANE_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_ID_BYTES: Final = 8


class RequestId:
    """The id of a request: the client's if it is safe to log, otherwise one made when needed."""

    def __init__(self, sent: str | None = None) -> None:
        """Take the client's id, unless a log line could be forged with it.

        Args:
            sent: The header `X-Request-ID`; None when the client sent none.
        """
        self.was_sent = sent is not None and _SANE_ID.fullmatch(sent) is not None
        self._text = sent if self.was_sent else None

    def __str__(self) -> str:
        if self._text is None:
            self._text = secrets.token_hex(_ID_BYTES)
        return self._text


current_request: Final[ContextVar[RequestId | None]] = ContextVar("current_request", default=None)
"""Id of the request that this thread handles; None outside of requests."""


def configure(level: str, log_format: LogFormat) -> None:
    """Write every log line of this process to standard error.

    Args:
        level: Lowest level of the service's own lines. Other libraries log from WARNING on.
        log_format: `text` or `json`; `auto` is text on a terminal and JSON elsewhere.
    """
    chosen = log_format
    if log_format == "auto":
        chosen = "text" if sys.stderr.isatty() else "json"
    own = {"level": level, "handlers": [], "propagate": True}
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
            "filters": {"request": {"()": _NameRequest}},
            "handlers": {
                "stderr": {
                    "class": "logging.StreamHandler",
                    "formatter": chosen,
                    "filters": ["request"],
                }
            },
            "root": {"level": "WARNING", "handlers": ["stderr"]},
            "loggers": dict.fromkeys(_OWN_LOGGERS, own),
        }
    )
    logging.captureWarnings(capture=True)


class _NameRequest(logging.Filter):
    """Adds the id of the request that the thread handles to a record."""

    def filter(self, record: logging.LogRecord) -> bool:
        request_id = current_request.get()
        record.request_suffix = ""
        if request_id is not None:
            record.request_id = str(request_id)
            record.request_suffix = f" [{request_id}]"
        return True
