"""Rules that hold for every route, with any text in the path and the parameters."""

import re
from collections.abc import Iterator
from email.message import Message

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from app.api.formats import MEDIA_TYPES
from app.maps.build import build_map
from app.maps.description import MapParameters
from app.services import Services
from tests.app.maps.rows import SOURCE, about_topics
from tests.app.releases.factories import make_recipe
from tests.factories import commit_batch, make_received

NAME = "whole"
TEXTS = (
    *("%00", "a%00b", "%0a", "a%0D%0Ab", "%1F", "%7F", "%20", "+", "..", "%2e%2e", "%zz", "%25"),
    *("%FF", "%C3%28", "%ED%A0%80", "%F4%90%80%80", "%F0%9F%98%80", "%E2%80%AEtxt", "%D9%A1"),
    *("'", '"', "%27%20OR%201=1--", ";", "*", "{{7*7}}", "%3Cscript%3E", "a" * 256, "a" * 5_000),
    *("-1", "0", "1e999", "9" * 19, "9" * 400, "NaN", "null", "1_0", "2026-02-30"),
    *("0001-01-01T00:00:00%2B23:59", "9999-12-31T23:59:59-23:59"),
)
"""Values as they are sent, which have a meaning to some parser, or none at all."""
SEGMENTS = (
    *TEXTS,
    *("%00.parquet", "SHA256SUMS%00", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "..%5C..%5Csettings.py"),
    *("%2Fetc%2Fpasswd", "a%2F%2Fb", "%5C%5Chost%5Cshare", "~root", "C:", "CON", "aux.parquet"),
    *("a" * 255, "%C3%A9" * 128, "/".join("a" * 3_000), "%EF%BC%8E%EF%BC%8E", "e%CC%81", "%3F"),
    *("tag:%00", "tag:%FF", f"tag:{'a' * 255}", f"tag:{'a' * 256}", "tag:", "tag:main", "now%00"),
    *("as_of:%00", "as_of:", "as_of:0001-01-01T00:00:00%2B23:59", "as_of:9999-12-31T23:59-23:59"),
    *("chatlake%1Fcontributions", "contributions.files", ".lock", ".building"),
)
"""The same for parts of a path, where files and moments are named too."""
ICEBERG_PARAMETERS = ("warehouse", "parent", "pageToken", "pageSize", "snapshots")
"""Those of the Iceberg REST specification, which our document doesn't describe."""
MAY_BE_REPEATED = {"Set-Cookie"}


@pytest.fixture
def filled(services: Services, app: Flask) -> FlaskClient:
    """A client of a lake that has contributions, a release and a map by one name."""
    snapshot = commit_batch(services, *(make_received(day) for day in range(3)))
    services.publishing.releases.build(make_recipe(name=NAME), snapshot)
    build_map(
        services.publishing.maps.store,
        NAME,
        SOURCE,
        about_topics(9),
        MapParameters(embedding="tfidf"),
    )
    return app.test_client()


def rules(app: Flask) -> Iterator[tuple[Rule, str]]:
    """Yield every rule with each of its methods."""
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"OPTIONS"}):
            yield rule, method


def path_of(rule: Rule, **values: str) -> str:
    """Return an address that a rule is for, with what exists where nothing else is given."""
    there = dict.fromkeys(("snapshot_id", "before", "after"), "now") | {
        "name": NAME,
        "guide": "glossary",
        "other": NAME,
        "path": "README.md",
        "form": "csv",
        "edition": "1",
        "number": "1",
        "namespace": "chatlake",
        "table": "contributions",
        "contribution_id": "00000000-0000-0000-0000-000000000000",
        "takedown_id": "1",
        "contributor_id": "0" * 32,
    }
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda part: {**there, **values}[part[1]], rule.rule)


def parameters_of(app: Flask, client: FlaskClient) -> dict[str, str]:
    """Return the parameters of all resources, each with an address that takes it."""
    document = client.get("/openapi.json").get_json()["paths"]
    found = {"%00": "/v1/contributions"}
    for rule in app.url_map.iter_rules():
        item = document.get(re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), {})
        described = [*item.get("parameters", []), *item.get("get", {}).get("parameters", [])]
        names = [each["name"] for each in described if each["in"] == "query"]
        if rule.rule.startswith("/iceberg/"):
            names = list(ICEBERG_PARAMETERS)
        found.update({name: path_of(rule) for name in names if name not in found})
    return found


def ask(client: FlaskClient, method: str, url: str, accept: str = "*/*") -> TestResponse:
    """Return a whole answer."""
    return client.open(url, method=method, headers={"Accept": accept}, buffered=True)


@pytest.mark.slow
@pytest.mark.both
def test_no_part_of_a_path_causes_a_500(app: Flask, filled: FlaskClient) -> None:
    failed = [
        (method, url[:120], status)
        for rule, method in rules(app)
        for argument in sorted(rule.arguments)
        for value in SEGMENTS
        for url in [path_of(rule, **{argument: value})]
        if (status := ask(filled, method, url).status_code) >= 500
    ]
    assert failed == []


@pytest.mark.slow
@pytest.mark.both
def test_no_value_of_a_parameter_causes_a_500(app: Flask, filled: FlaskClient) -> None:
    failed = [
        (f"{url}?{name}={value[:100]}", status)
        for name, url in parameters_of(app, filled).items()
        for value in TEXTS
        if (status := ask(filled, "GET", f"{url}?{name}={value}").status_code) >= 500
    ]
    assert failed == []


@pytest.mark.slow
def test_no_header_stands_twice_and_no_parameter_in_a_content_type(
    app: Flask, filled: FlaskClient
) -> None:
    files = filled.get(f"/v1/releases/{NAME}").get_json()["files"]
    paths = {
        "/v1/releases": ["README.md", "SHA256SUMS", "manifest.json", *(f["path"] for f in files)],
        "/docs": ["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png", "none"],
        "/atlas": ["index.html", "none"],
    }
    wrong = []
    types = set()
    for rule, method in rules(app):
        known = next((paths[start] for start in paths if rule.rule.startswith(start)), ["none"])
        for path in known if "path" in rule.arguments else [""]:
            for accept in MEDIA_TYPES:
                answer = ask(filled, method, path_of(rule, path=path), accept)
                types.add(answer.content_type)
                wrong += [(method, rule.rule, path, each) for each in _repeated(answer)]
    assert wrong == []
    assert {"text/markdown; charset=utf-8", "text/plain; charset=utf-8"} <= types


def _repeated(answer: TestResponse) -> Iterator[str]:
    """Yield what an answer says twice."""
    names = [name for name, _ in answer.headers if name not in MAY_BE_REPEATED]
    yield from sorted({name for name in names if names.count(name) > 1})
    content_type = Message()
    content_type["Content-Type"] = answer.headers.get("Content-Type", "text/plain")
    parameters = [name for name, _ in content_type.get_params() or []]
    if len(parameters) > len(set(parameters)):
        yield content_type["Content-Type"]
