"""Conditional and partial answers, as RFC 9110 has them.

Werkzeug sends files in whole and in part, but judges a request otherwise than the RFC does: it
answers a range before it looks at conditions, and one that is asked for by HEAD; it refuses ranges
that are to be ignored, and the last bytes of a file that is shorter; it honours a weak or a later
`If-Range`, takes `If-Match: *` for a mismatch, doesn't know `If-Unmodified-Since`, and sends the
file along with a 412.
"""

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from flask import Flask, Response
from werkzeug import Request
from werkzeug.datastructures import Range
from werkzeug.exceptions import PreconditionFailed

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_READS: Final = frozenset({"GET", "HEAD"})
_UNWANTED: Final = "If-Match or If-Unmodified-Since asks for another version than this one"


class ConditionalResponse(Response):
    """A response of which only as much is sent as the request's conditions and range ask for.

    Flask's `send_file` makes all its responses of this class. Their ETags are strong.
    """

    def make_conditional(
        self,
        request_or_environ: "WSGIEnvironment | Request",
        accept_ranges: bool | str = False,
        complete_length: int | None = None,
    ) -> "ConditionalResponse":
        """Turn this response into what the request's conditions and range ask for.

        Args:
            request_or_environ: The request.
            accept_ranges: Whether a part can be had.
            complete_length: The size of the whole body, in bytes.

        Raises:
            PreconditionFailed: The client wants another version than this.
            RequestedRangeNotSatisfiable: The range lies outside the body.
        """
        if isinstance(request_or_environ, Request):
            request = request_or_environ
        else:
            # Flask's own request stays the one that the environment refers to.
            request = Request(request_or_environ, populate_request=False)
        if request.method not in _READS:
            return self
        if self._is_unwanted(request):
            self.close()
            raise PreconditionFailed(_UNWANTED)
        if self._is_known(request):
            self.status_code = HTTPStatus.NOT_MODIFIED
            return self
        # All that is left for Werkzeug to judge.
        left = {"REQUEST_METHOD": request.method}
        asked_range = self._asked_range(request, complete_length or 0)
        if asked_range is not None:
            left["HTTP_RANGE"] = asked_range
        super().make_conditional(left, accept_ranges, complete_length)
        return self

    def _is_unwanted(self, request: Request) -> bool:
        """Evaluate steps 1 and 2 of RFC 9110, section 13.2.2."""
        if request.if_match:
            etag, _ = self.get_etag()
            return (etag or "") not in request.if_match
        modified, until = self.last_modified, request.if_unmodified_since
        return modified is not None and until is not None and modified > until

    def _is_known(self, request: Request) -> bool:
        """Evaluate steps 3 and 4."""
        if request.if_none_match:
            etag, _ = self.get_etag()
            return request.if_none_match.contains_weak(etag or "")
        modified, since = self.last_modified, request.if_modified_since
        return modified is not None and since is not None and modified <= since

    def _asked_range(self, request: Request, length: int) -> str | None:
        """Return the range to send by step 5; None for the whole.

        A range is ignored with another method than GET, in another unit than bytes, and when it is
        malformed; the RFC leaves it to servers whether to send several.
        """
        asked = request.range
        # Compared as they were sent: a weak tag is never equal, nor is a later date.
        validators = {None, self.headers.get("ETag"), self.headers.get("Last-Modified")}
        if (
            request.method != "GET"
            or request.headers.get("If-Range") not in validators
            or asked is None
            or asked.units != "bytes"
            or len(asked.ranges) != 1
        ):
            return None
        ((begin, end),) = asked.ranges
        # The last bytes of less than are asked for are all of them.
        return Range(asked.units, [(max(begin, -length), end)]).to_header()


def init_app(app: Flask) -> None:
    """Send every file by these rules."""
    app.response_class = ConditionalResponse
