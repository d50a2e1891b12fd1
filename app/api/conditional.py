"""Conditional and partial answers by RFC 9110.

Werkzeug sends files in whole or in part, but departs from the RFC:
- It answers a range before it looks at conditions, and answers a range for HEAD.
- It refuses ranges that are to be ignored, and a suffix range longer than the file.
- It honours an `If-Range` with a weak ETag or a later date, and takes `If-Match: *` for a mismatch.
- It doesn't know `If-Unmodified-Since`, and sends the file along with a 412.
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
    """A response that honours the request's conditions and range.

    Flask's `send_file` uses the application's response class, and so this one. ETags are strong.
    """

    def make_conditional(
        self,
        request_or_environ: "WSGIEnvironment | Request",
        accept_ranges: bool | str = False,
        complete_length: int | None = None,
    ) -> "ConditionalResponse":
        """Change this response to the part, or the status, that the request's conditions ask for.

        Args:
            request_or_environ: The request, or its WSGI environment.
            accept_ranges: Whether parts of the body may be sent.
            complete_length: The size of the whole body, in bytes.

        Raises:
            PreconditionFailed: The client asks for another version than this one.
            RequestedRangeNotSatisfiable: The range lies outside the body.
        """
        if isinstance(request_or_environ, Request):
            request = request_or_environ
        else:
            # The environment goes on referring to Flask's own request.
            request = Request(request_or_environ, populate_request=False)
        if request.method not in _READS:
            return self
        if self._is_unwanted(request):
            self.close()
            raise PreconditionFailed(_UNWANTED)
        if self._is_known(request):
            self.status_code = HTTPStatus.NOT_MODIFIED
            return self
        # Werkzeug gets only the range, if one is to be sent.
        reduced = {"REQUEST_METHOD": request.method}
        asked_range = self._asked_range(request, complete_length or 0)
        if asked_range is not None:
            reduced["HTTP_RANGE"] = asked_range
        super().make_conditional(reduced, accept_ranges, complete_length)
        return self

    def _is_unwanted(self, request: Request) -> bool:
        """Tell whether steps 1 and 2 of RFC 9110, section 13.2.2, find a failed precondition."""
        if request.if_match:
            etag, _ = self.get_etag()
            return (etag or "") not in request.if_match
        modified, until = self.last_modified, request.if_unmodified_since
        return modified is not None and until is not None and modified > until

    def _is_known(self, request: Request) -> bool:
        """Tell whether steps 3 and 4 find that the client has this version already."""
        if request.if_none_match:
            etag, _ = self.get_etag()
            return request.if_none_match.contains_weak(etag or "")
        modified, since = self.last_modified, request.if_modified_since
        return modified is not None and since is not None and modified <= since

    def _asked_range(self, request: Request, length: int) -> str | None:
        """Return the range to send by step 5; None when the whole body is to be sent.

        Ranges are ignored for other methods than GET, in other units than bytes, and when they are
        malformed. Several ranges are ignored too, which the RFC allows.

        Args:
            request: The request.
            length: The size of the whole body, in bytes.
        """
        asked = request.range
        # Compared as strings: a weak ETag or a later date is never equal.
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
        # A suffix range that is longer than the body is the whole body.
        return Range(asked.units, [(max(begin, -length), end)]).to_header()


def init_app(app: Flask) -> None:
    """Have the application send every file by these rules."""
    app.response_class = ConditionalResponse
