"""The OpenAPI document, which is made when it is first asked for.

Making it takes longer than everything else that the application does at its start.
"""

from threading import Lock
from typing import Any

from flask import Response
from flask_smorest import Api, Blueprint

from app.api.docs import API_KEY, SECURITY_SCHEME


class DocumentedApi(Api):  # type: ignore[misc]  # flask-smorest has no annotations
    """flask-smorest's API, whose document is filled with the first request of it.

    `register_views_in_doc`, `_register_responses` and `_openapi_json` are flask-smorest's: see its
    `Api`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._undocumented: list[Blueprint] = []
        self._is_documented = False
        self._documenting = Lock()

    def register_blueprint(self, blp: Blueprint, **options: Any) -> None:
        """Register a blueprint with the application, and leave its documentation for later."""
        self._app.extensions["flask-smorest"]["blp_name_to_api"][blp.name] = self
        self._app.register_blueprint(blp, **options)
        self._undocumented.append(blp)

    def _register_responses(self) -> None:
        """Leave the responses, which only the blueprints' documentation refers to, for later."""

    def _openapi_json(self) -> Response:
        with self._documenting:
            if not self._is_documented:
                self._document()
                self._is_documented = True
        document: Response = super()._openapi_json()
        return document

    def _document(self) -> None:
        super()._register_responses()
        self.spec.components.security_scheme(API_KEY, SECURITY_SCHEME)
        for blp in self._undocumented:
            blp.register_views_in_doc(self, self._app, self.spec, name=blp.name, parameters=None)
            self.spec.tag({"name": blp.name, "description": blp.description})
