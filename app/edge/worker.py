"""gunicorn's worker: uvicorn's event loop, on which the edge takes requests in.

The arbiter imports this module. So it imports the service's other code in workers only, which read
that code again when the server reloads.
"""

import asyncio
import logging
import os
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING, Any, ClassVar, Final

from flask import Flask
from uvicorn_worker import UvicornWorker

if TYPE_CHECKING:
    from app.edge.application import Edge
    from app.services import Services

_GRACE_SHARE: Final = 0.8
"""The part of `shutdown_timeout_s` that is for requests."""


class Worker(UvicornWorker):  # type: ignore[misc]  # it has no types
    """A worker that puts the edge before the Flask application which gunicorn loads."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "http": "app.edge.protocol:Protocol",
        "ws": "none",
        "lifespan": "off",
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Its messages are written as all others are, and not by handlers of their own.
        logger = logging.getLogger("uvicorn.error")
        logger.handlers, logger.propagate = [], True
        logger.setLevel(logging.WARNING)

    def load_wsgi(self) -> None:
        """Load the Flask application, and make the edge."""
        from app.edge.application import Edge  # noqa: PLC0415  # see the module's docstring
        from app.edge.protocol import Protocol  # noqa: PLC0415
        from app.services import services_of  # noqa: PLC0415

        super().load_wsgi()
        application: Flask = self.wsgi
        self.services: Services = services_of(application)
        Protocol.settings = self.services.settings
        # The arbiter kills workers after the whole of it, also in their last steps.
        self.config.timeout_graceful_shutdown = _GRACE_SHARE * self.cfg.graceful_timeout
        self.edge: Edge = Edge(application, self.services)
        self.wsgi = self.edge

    def run(self) -> None:
        """Serve until a signal ends the worker: SIGTERM after the requests, the others at once."""
        # uvicorn raises again the signals that it got, for the handlers that were there before.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _exit)
        super().run()

    def close(self) -> None:
        """Release what the worker holds, after its last request."""
        if "edge" in vars(self):
            self.edge.close()
            self.services.close()

    async def _serve(self) -> None:
        # gunicorn's reloader runs in a thread, and writes here when code has changed.
        asyncio.get_running_loop().add_reader(self.PIPE[0], self._reload)
        await super()._serve()

    def _reload(self) -> None:
        os.read(self.PIPE[0], 1)
        signal.raise_signal(signal.SIGTERM)

    def _install_sigquit_handler(self) -> None:
        # uvicorn-worker's handler has no effect.
        asyncio.get_running_loop().add_signal_handler(signal.SIGQUIT, _quit)


def _quit() -> None:
    """Have uvicorn end without waiting for requests, as it does at its second SIGINT."""
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)


def _exit(_number: int, _frame: FrameType | None) -> None:
    """End the process once; a further signal must not interrupt its last steps."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    sys.exit()
