"""Tests that the documentation agrees with the service."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from flask import Flask
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from app import create_app
from app.api.needs import NEEDS, _moderate
from app.cli.commands.settings import settings_tables
from app.settings import Settings
from app.telemetry.exposition import JournalDepth, exposition
from app.telemetry.labels import MaintenanceOperation, RejectionReason
from app.version import VERSION

ROOT = Path(__file__).parents[1]
UNDOCUMENTED = {"/openapi.json", "/metrics"}
"""Routes that are no part of the API, beside those of the site."""
SITE = "app.site."
"""Prefix of the modules of pages, which are no part of the API."""
SPECIFIED_ELSEWHERE = "/iceberg/"
"""Prefix of the routes that the Iceberg REST specification describes."""
Operation = dict[str, Any]


@pytest.fixture(scope="module")
def application() -> Flask:
    """The application, whose lake these tests don't use."""
    return create_app(Settings.at("nowhere"))


@pytest.fixture(scope="module")
def document(application: Flask) -> dict[str, Any]:
    """The application's OpenAPI document."""
    response = application.test_client().get("/openapi.json")
    assert response.status_code == 200
    loaded: dict[str, Any] = response.get_json()
    return loaded


def operations(document: dict[str, Any]) -> Iterator[tuple[str, Operation]]:
    """Yield each operation with its name, and with the parameters of its path added to its own."""
    for path, item in document["paths"].items():
        shared = item.get("parameters", [])
        for method, operation in item.items():
            if method != "parameters":
                own = operation.get("parameters", [])
                yield f"{method.upper()} {path}", {**operation, "parameters": shared + own}


def test_the_page_of_settings_holds_the_tables_that_the_command_prints() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    assert settings_tables() in page
    assert page.count("\n|") == settings_tables().count("\n|")


def test_every_route_is_in_the_openapi_document(
    application: Flask, document: dict[str, Any]
) -> None:
    routes = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in application.url_map.iter_rules()
        if rule.rule not in UNDOCUMENTED and not rule.rule.startswith(SPECIFIED_ELSEWHERE)
        if not application.view_functions[rule.endpoint].__module__.startswith(SITE)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    documented = {
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method in item
        if method != "parameters"
    }
    assert routes == documented
    assert len(routes) >= 11


def test_every_operation_has_a_summary_and_an_example(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert operation.get("summary", "").strip(), name
        contents = [
            *operation.get("requestBody", {}).get("content", {}).values(),
            *(
                content
                for response in operation["responses"].values()
                for content in response.get("content", {}).values()
            ),
        ]
        examples = [
            *(content["example"] for content in contents if "example" in content),
            *(given["example"] for given in operation["parameters"] if "example" in given),
        ]
        assert examples, name


def test_every_operation_documents_its_errors_in_the_envelope(document: dict[str, Any]) -> None:
    envelope = {"$ref": "#/components/schemas/Envelope"}
    shared = document["components"]["responses"]["DEFAULT_ERROR"]
    assert shared["content"]["application/json"]["schema"] == envelope
    for name, operation in operations(document):
        responses = operation["responses"]
        assert responses["default"] == {"$ref": "#/components/responses/DEFAULT_ERROR"}, name
        errors = {code: answer for code, answer in responses.items() if code[0] in "45"}
        for code, answer in errors.items():
            assert answer["content"]["application/json"]["schema"] == envelope, (name, code)
            assert answer["description"], (name, code)
        if operation["parameters"]:
            assert errors, name


def test_the_document_says_where_a_key_may_be_needed(document: dict[str, Any]) -> None:
    assert document["components"]["securitySchemes"]["api_key"]["scheme"] == "bearer"
    keyed = {
        f"{method} {re.sub('<.*?>', '{}', rule)}": need
        for (method, rule), need in NEEDS.items()
        if need is not None
    }
    needed: list[dict[str, list[str]]] = [{"api_key": []}]
    for name, operation in operations(document):
        need = keyed.get(re.sub(r"{.*?}", "{}", name))
        assert ("401" in operation["responses"]) == (need is not None), name
        optional = None if need is None else [{}, *needed]
        assert operation.get("security") == (needed if need is _moderate else optional), name


def test_the_examples_of_the_document_are_those_of_its_schemas(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    compared = 0
    for name, operation in operations(document):
        content = operation["responses"].get("200", {}).get("content", {}).get("application/json")
        reference = content["schema"].get("$ref", "") if content else ""
        if reference and "example" in content:
            schema = schemas[reference.rpartition("/")[2]]
            assert set(content["example"]) <= set(schema["properties"]), name
            compared += 1
    assert compared >= 8


def test_the_version_is_that_of_the_package(document: dict[str, Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION == document["info"]["version"]


def command_names(command: click.Command, name: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        for child in command.commands.values():
            yield from command_names(child, f"{name} {child.name}")
    else:
        yield name


def commands_of(application: Flask) -> Iterator[click.Command]:
    context = click.Context(application.cli)
    for name in application.cli.list_commands(context):
        command = application.cli.get_command(context, name)
        assert command is not None, name
        yield command


def test_every_command_is_named_for_operators(application: Flask) -> None:
    pages = [ROOT / "README.md", ROOT / "docs" / "operations.md"]
    text = "".join(page.read_text() for page in pages if page.exists())
    names = [
        name
        for command in commands_of(application)
        # Flask-smorest adds commands for developers.
        if getattr(command.callback, "__module__", "").startswith("app.cli.")
        for name in command_names(command, f"scripts/lake {command.name}")
    ]
    assert len(names) >= 6
    for name in names:
        assert re.search(rf"{re.escape(name)}\b", text), name


def exposed_metrics() -> list[Metric]:
    exposed = exposition(JournalDepth(0, 0, 0, 0.0), quarantined=0)
    return list(text_string_to_metric_families(exposed.decode()))


def test_every_metric_is_on_its_page_with_its_type_and_labels() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    documented = dict(re.findall(r"^\| `(chatlake_\w+)` \| (\w+)", page, re.MULTILINE))
    exposed = {
        metric.name + ("_total" if metric.type == "counter" else ""): metric.type
        for metric in exposed_metrics()
    }
    assert documented == exposed
    for reason in get_args(RejectionReason):
        assert f"`{reason}`" in page
    for operation in get_args(MaintenanceOperation):
        assert f"`{operation}`" in page


def test_the_dashboard_queries_every_metric_and_none_that_does_not_exist() -> None:
    dashboard = json.loads((ROOT / "docs" / "grafana" / "chatlake.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    queried = {name for query in queries for name in re.findall(r"chatlake_\w+", query)}
    # A histogram without labels yet is exposed without samples.
    suffixes = ("_bucket", "_count", "_sum")
    queryable = {
        metric.name: {metric.name + suffix for suffix in suffixes}
        if metric.type == "histogram"
        else {metric.name + ("_total" if metric.type == "counter" else "")}
        for metric in exposed_metrics()
    }
    assert queried <= set[str]().union(*queryable.values())
    for metric, names in queryable.items():
        assert queried & names, metric


def test_the_map_of_the_code_names_every_package() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    packages = [
        path.parent
        for top in ("app", "catalog", "sandbox")
        for path in (ROOT / top).glob("*/**/__init__.py")
    ]
    assert [package.name for package in packages if f"{package.name}/`" not in page] == []


def test_every_module_that_the_documentation_names_exists() -> None:
    pages = [ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    named = {
        path
        for page in pages
        for path in re.findall(
            r"`((?:app|catalog|sandbox|client|migrations)/[a-z_/]+\.py)`", page.read_text()
        )
    }
    assert named
    assert {path for path in named if not (ROOT / path).exists()} == set()


def test_every_relative_link_between_pages_leads_to_a_file() -> None:
    folders = ("app", "benchmarks", "client", "deploy", "docs", "tests")
    pages = [
        *ROOT.glob("*.md"),
        *(page for name in folders for page in (ROOT / name).rglob("*.md")),
    ]
    broken = [
        (str(page.relative_to(ROOT)), target)
        for page in pages
        for target in re.findall(r"\]\(([^)#\s:]+)(?:#[^)\s]*)?\)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []
