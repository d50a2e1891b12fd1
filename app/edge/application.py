"""The edge: the ASGI application that takes requests in and decides who answers them."""

from asyncio import CancelledError
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from flask import Flask

from app.access.limits.errors import LimitReached
from app.api import small_bodies
from app.api.guards import guards_of
from app.api.observation import observer_of
from app.api.views import sql
from app.edge import submissions, uploads
from app.edge.access import EdgeAccess
from app.edge.answers import Answers, can_refuse
from app.edge.bodies import Bodies
from app.edge.commits import CommitWatch
from app.edge.connections.cycles import Application, Cycle
from app.edge.flask import FlaskAnswers
from app.edge.meters import Meters
from app.edge.requests import ClientGone, Receive, Request, Scope, Send, View
from app.edge.submissions import Submissions
from app.edge.threads import Threads
from app.edge.uploads import UploadView
from app.services import Services
from app.telemetry.logs import current_request
from catalog.errors import LakeError

_SUBMISSION: Final = ("POST", submissions.PATH)


class Edge:
    """Answers submissions on the event loop, and everything else by the Flask application.

    Bodies arrive on the event loop, so that a slow sender holds no thread. A body that no view
    reads isn't waited for.
    """

    def __init__(self, application: Flask, services: Services) -> None:
        """Put the edge before a Flask application.

        Args:
            application: The application, which is complete by itself too.
            services: The application's services.
        """
        settings = services.settings
        self._threads = Threads(settings.threads, "request")
        self._flask = FlaskAnswers(application, self._threads)
        guards = guards_of(application)
        self._bodies = Bodies(settings, guards.bodies)
        commits = CommitWatch(
            services.ingest.journal.snapshots_of,
            settings.max_waiting,
            services.ingest.journal.snapshot_of,
            services.ingest.wake_up.send,
        )
        self._answers = answers = Answers(observer_of(application), commits)
        self._meters = Meters(services)
        self._submissions = Submissions(
            services.ingest.intake, self._bodies, answers, self._threads, self._meters, settings
        )
        upload_view = UploadView(
            services.ingest.bulk_intake, guards.uploads, answers, self._meters, settings
        )
        views = {
            _SUBMISSION: self._submissions.answer,
            ("POST", uploads.PATH): upload_view.answer,
            ("POST", sql.PATH): self._answer_query,
        }
        access = EdgeAccess(services, self._threads)
        self._views: Mapping[tuple[str, str], View] = {
            route: access.checked(*route, view) for route, view in views.items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: https://asgi.readthedocs.io/en/latest/specs/www.html."""
        request = Request(scope, receive, send)
        view = self._views.get((request.method, request.path))
        if view is None:
            has_body = small_bodies.takes_small_body(request.method, request.path)
            view = self._answer_small if has_body else self._answer_by_flask
        await self._answer(request, view)

    def take(self, cycle: Cycle, start: Callable[[Cycle, Application], None]) -> bool:
        """Answer a request that has come whole, if that needs no task of ASGI.

        Args:
            cycle: The request, on its connection.
            start: Starts such a task after all, in which an application answers a request.

        Returns:
            Whether the request is answered, now or later.
        """
        if (cycle.scope["method"], cycle.scope["path"]) != _SUBMISSION:
            return False

        def fail(error: BaseException) -> None:
            start(cycle, partial(self._fail, error))

        try:
            return self._submissions.take(cycle, fail)
        except Exception as error:  # noqa: BLE001  # it is answered as a view's error is
            fail(error)
            return True

    async def _fail(self, error: BaseException, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request by an error, as if its view had raised it."""

        async def view(_request: Request) -> None:
            raise error

        await self._answer(Request(scope, receive, send), view)

    async def _answer(self, request: Request, view: View) -> None:
        current_request.set(request.id)
        try:
            await view(request)
        except ClientGone:
            pass
        except CancelledError:
            # The server ends. An error would say that nothing was stored, which nobody knows here.
            request.client.cut_off()
        except Exception as error:
            if request.is_answered:
                raise
            if isinstance(error, LimitReached) and can_refuse(request):
                await self._answers.refuse(request, error)
                return
            if isinstance(error, LakeError):
                # Its frames hold the body, and the answer may have to wait for a thread.
                error.__traceback__ = None
            await self._flask.send(request, failure=error)
        finally:
            self._bodies.release(request)

    def close(self) -> None:
        """End the threads of the edge, after the last request."""
        self._threads.close()

    async def _answer_by_flask(self, request: Request) -> None:
        self._meters.admit(request)
        await self._flask.send(request)

    async def _answer_query(self, request: Request) -> None:
        # Before the body is received: a refused one isn't waited for.
        self._meters.make(request.scope, request.api_key).take({"costly_reads": 1})
        body = await self._bodies.receive(request, sql.MAX_BODY_BYTES)
        await self._flask.send(request, body)

    async def _answer_small(self, request: Request) -> None:
        self._meters.admit(request)
        body = await self._bodies.receive(request, small_bodies.MAX_BYTES)
        await self._flask.send(request, body)
