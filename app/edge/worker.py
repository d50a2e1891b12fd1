"""gunicorn's worker: uvicorn's event loop, on which the edge takes requests in."""

import logging
from typing import Any, ClassVar

from flask import Flask
from uvicorn_worker import UvicornWorker

from app.edge.application import Edge
from app.edge.protocol import Protocol
from app.services import Services, services_of


class Worker(UvicornWorker):  # type: ignore[misc]  # it has no types
    """A worker that puts the edge before the Flask application which gunicorn loads."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "http": Protocol,
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
        super().load_wsgi()
        application: Flask = self.wsgi
        self.services: Services = services_of(application)
        Protocol.settings = self.services.settings
        self.config.timeout_graceful_shutdown = self.cfg.graceful_timeout
        self.edge = Edge(application, self.services)
        self.wsgi = self.edge

    def close(self) -> None:
        """Release what the worker holds, after its last request."""
        if "edge" in vars(self):
            self.edge.close()
            self.services.close()
