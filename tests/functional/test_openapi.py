"""The service does what its OpenAPI document says, on input that fits it and on what does not."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import BaseSchema, Case
from schemathesis.config import SchemathesisConfig

from app.services import current_services
from tests.app.releases.factories import make_recipe
from tests.factories import commit_batch, make_received
from tests.lakes import LakeTemplate, opened_app

EXAMPLES = 5
"""How many cases are drawn of each operation, besides those at every bound of every parameter."""
COVERAGE: dict[str, dict[str, list[str]]] = {"coverage": {"unexpected-methods": []}}
"""`tests/app/api/test_access.py` asks every route by every other method."""
SEED = 20261123
MODERATED = "^/v1/(moderation|takedowns)"
"""The routes that are asked with the key of a moderator."""
EXCEPTIONS = [
    {
        # A key that is made up may be none, or one that could be guessed.
        "include-path-regex": "^/v1/me",
        "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", 401, 403, 404, 422]}},
    },
    {
        # The document can't say which header goes with an API key only.
        "include-method": "DELETE",
        "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", 401, 403, 404, 422]}},
    },
    {
        # The document can't say that two references exclude each other, nor what a cursor is.
        "include-method": "GET",
        "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", 404, 406, 422]}},
    },
    {
        # Real clients send more than the document shows, such as `stopped` as text. And it can't
        # say that no text holds a NUL, how large a number may be in a field that is ignored, nor
        # which snapshots there are.
        "include-method": "POST",
        "checks": {
            "negative_data_rejection": {"enabled": False},
            "positive_data_acceptance": {"expected-statuses": ["2xx", 400, 404, 422]},
        },
    },
]


@schemathesis.serializer("application/x-ndjson")
def one_line(_context: object, value: object) -> bytes:
    """Return a body of one line."""
    return json.dumps(value).encode()


@pytest.fixture
def schema(
    tmp_path: Path, lake_template: LakeTemplate, request: pytest.FixtureRequest
) -> Iterator[BaseSchema]:
    """The document, and the application on a lake with two snapshots and a release."""
    # schemathesis 4.32 reads this attribute, which pytest 9.2 doesn't set any more.
    request.node._nodeid = request.node.nodeid
    with opened_app(lake_template.copy(tmp_path / "home", max_waiting=0)) as app:
        with app.app_context():
            services = current_services()
        commit_batch(services, make_received(0), make_received(1))
        snapshot = commit_batch(services, make_received(0))
        services.publishing.releases.build(make_recipe("first"), snapshot)
        key = services.access.keys.create("moderator", "moderate")
        moderating = {
            "include-path-regex": MODERATED,
            "headers": {"Authorization": f"Bearer {key}"},
        }
        config = SchemathesisConfig.from_dict(
            {"seed": SEED, "phases": COVERAGE, "operations": [moderating, *EXCEPTIONS]}
        )
        yield schemathesis.openapi.from_wsgi("/openapi.json", app, config=config)


# Cases are made when the test runs, which takes seconds: every process collects all tests.
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@schemathesis.pytest.from_fixture("schema").parametrize()
def test_every_operation_keeps_to_the_document(case: Case[Any]) -> None:
    case.call_and_validate()
