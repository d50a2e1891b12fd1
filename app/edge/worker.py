"""gunicorn's worker: uvicorn's event loop, on which the edge takes requests in.

The arbiter imports this module. So it imports the service's other code in workers only, which in
development read that code again when it has changed.
"""

import logging
import os
from asyncio import get_running_loop
from functools import partial
from signal import SIGINT, SIGQUIT, SIGTERM, raise_signal, signal
from typing import TYPE_CHECKING, Any, ClassVar, Final

from flask import Flask
from uvicorn_worker import UvicornWorker

if TYPE_CHECKING:
    from app.services import Services

SERVER: Final[dict[str, Any]] = {
    "loop": "uvloop",
    "ws": "none",
    "lifespan": "off",
    "access_log": False,
    "server_header": False,
    "proxy_headers": False,
    "timeout_notify": float("-inf"),
}
"""The configuration of uvicorn. What it can log and take from proxies, the application does.

uvicorn asks every second whether it is time for a heartbeat, by a clock that can be set back. With
a positive time between heartbeats, the worker would then send none and be killed.
"""

_CLOSING_S: Final = 2
"""The part of the time for a graceful stop in which the worker ends after its last request."""


class Worker(UvicornWorker):  # type: ignore[misc]  # it has no types
    """A worker that puts the edge before the Flask application which gunicorn loads."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = SERVER
    wsgi: Any
    sockets: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Its messages are written as all others are, and not by handlers of their own.
        logger = logging.getLogger("uvicorn.error")
        logger.handlers, logger.propagate = [], True
        logger.setLevel(logging.WARNING)

    def load_wsgi(self) -> None:
        """Load the Flask application, and make the edge."""
        from app.edge.application import Edge  # noqa: PLC0415  # see the module's docstring
        from app.edge.connections.protocol import Protocol  # noqa: PLC0415
        from app.services import services_of  # noqa: PLC0415

        super().load_wsgi()
        application = self.wsgi
        if not isinstance(application, Flask):
            # In development, gunicorn's own one shows why the application can't be loaded.
            self.config.interface = "wsgi"
            return
        self.services: Services = services_of(application)
        self.edge = self.wsgi = Edge(application, self.services)
        self.config.http = partial(Protocol, self.services.settings, {}, self.edge.take)
        # gunicorn kills the worker when the whole time is over.
        self.config.timeout_graceful_shutdown = max(self.cfg.graceful_timeout - _CLOSING_S, 0)

    def run(self) -> None:
        """Answer requests until a signal ends the worker."""
        # uvicorn ends by the signal that stopped it; here that must not skip `worker_exit`.
        for number in (SIGINT, SIGTERM):
            signal(number, self.handle_exit)
        # uvloop closes them. gunicorn's wrappers would close their numbers once more, which by then
        # may be those of data files or of the database that threads have just opened.
        self.sockets = [wrapper.sock for wrapper in self.sockets]
        super().run()

    def close(self) -> None:
        """Release what the worker holds, after its last request."""
        if "edge" in vars(self):
            self.edge.close()
            self.services.close()

    async def callback_notify(self) -> None:
        """Tell the arbiter that the worker lives, and end it when there is no arbiter any more."""
        if os.getppid() != self.ppid:
            raise_signal(SIGTERM)
        self.notify()

    def _install_sigquit_handler(self) -> None:
        """Listen to what uvicorn doesn't; called on the event loop."""
        loop = get_running_loop()
        loop.add_signal_handler(SIGQUIT, _end_at_once)
        # In development, gunicorn's reloader writes to the pipe when code has changed.
        loop.add_reader(self.PIPE[0], self._end)

    def _end(self) -> None:
        get_running_loop().remove_reader(self.PIPE[0])
        raise_signal(SIGTERM)


def _end_at_once() -> None:
    """End the server without waiting for requests, as uvicorn does at the second interrupt."""
    raise_signal(SIGINT)
    raise_signal(SIGINT)
