"""The service does what its OpenAPI document says, on input that fits it and on what does not."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig

from app import create_app
from app.services import current_services
from app.settings import Settings
from tests.app.releases.factories import make_recipe
from tests.factories import commit_batch, make_received

EXAMPLES = 30
SEED = 20261123
EXCEPTIONS = [
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


# Cases are made when tests are collected, from the document; making it needs no lake yet.
home = Path(tempfile.gettempdir()) / f"chatlake-openapi-{uuid4()}"
app = create_app(Settings.at(home, max_waiting=0))
schema = schemathesis.openapi.from_wsgi(
    "/openapi.json",
    app,
    config=SchemathesisConfig.from_dict({"seed": SEED, "operations": EXCEPTIONS}),
)


@pytest.fixture(scope="module", autouse=True)
def lake() -> Iterator[None]:
    """A lake with two snapshots and a release."""
    assert app.test_cli_runner().invoke(args=["migrate"]).exit_code == 0
    with app.app_context():
        services = current_services()
    commit_batch(services, make_received(0), make_received(1))
    snapshot = commit_batch(services, make_received(0))
    services.releases.build(make_recipe("first"), snapshot)
    yield
    services.close()
    shutil.rmtree(home)


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_every_operation_keeps_to_the_document(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate()
