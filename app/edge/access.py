"""Checks what a request needs before a view of the edge answers it, as `app.api.access` does."""

from app.api.access import api_key_in, check_roles
from app.api.needs import NEEDS
from app.edge.requests import Request, View
from app.edge.threads import Threads
from app.services import Services


class EdgeAccess:
    """Checks requests on the event loop."""

    def __init__(self, services: Services, threads: Threads) -> None:
        """Prepare to check.

        Args:
            services: The application's services.
            threads: Where the database is asked.
        """
        self._services = services
        self._keys = services.access.keys
        self._threads = threads

    def checked(self, method: str, path: str, view: View) -> View:
        """Return a view that answers only what its request may do.

        Args:
            method: The method.
            path: The path, which is its own URL rule.
            view: The view of these requests.
        """
        need = NEEDS[method, path]
        if need is None:
            return view
        needed = need(self._services, {})

        async def answer(request: Request) -> None:
            text = api_key_in(request.header(b"authorization"))
            if text is not None:
                key = self._keys.recall(text) or await self._threads.run(self._keys.verify, text)
                request.api_key = key
            check_roles(request.api_key, needed)
            await view(request)

        return answer
