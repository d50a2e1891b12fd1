"""Fixtures for the tests of the edge."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.app.edge.serving import Serving, edge_serving


@pytest.fixture
def edge(app: Flask) -> Iterator[Serving]:
    """A server of the application's edge."""
    with edge_serving(app) as made:
        yield made
