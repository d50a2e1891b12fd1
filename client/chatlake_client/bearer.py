"""Bearer tokens, by which a service knows who sends a request."""

import requests
from requests.auth import AuthBase


class Bearer(AuthBase):
    """Sends a bearer token: RFC 6750, section 2.1.

    A header of the session would give way to what a file `.netrc` says.
    """

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header to a request."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request
