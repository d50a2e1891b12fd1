"""What keeps a worker from being held up or filled by its clients."""

from typing import Final, cast

from flask import Flask, current_app

from app.api.admission import Admission
from app.api.deadlines import Deadlines
from app.settings import Settings

_EXTENSION: Final = "chatlake.guards"


class Guards:
    """The guards of a worker's requests.

    Attributes:
        deadlines: Until when bodies may come.
        bodies: The memory for bodies that may be large, in bytes.
        long_requests: The threads for requests that may take long: uploads and streamed answers.
    """

    def __init__(self, settings: Settings) -> None:
        self.deadlines = Deadlines()
        self.bodies = Admission("max_bodies_bytes", settings.max_bodies_bytes)
        self.long_requests = Admission("max_long_requests", settings.max_long_requests)


def init_app(app: Flask, settings: Settings) -> Guards:
    """Give the application its guards, and return them."""
    guards = app.extensions[_EXTENSION] = Guards(settings)
    return guards


def current_guards() -> Guards:
    """Return the guards of the application that handles the request."""
    return cast("Guards", current_app.extensions[_EXTENSION])
