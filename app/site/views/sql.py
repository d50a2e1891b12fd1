"""The console: queries in SQL with their results as a table, a chart and files."""

import re
from typing import Any, Final

from flask import Blueprint, Response, render_template, request, url_for

from app.api.limits import current_meter
from app.api.schemas.sql import MAX_QUERY_CHARACTERS, SqlRequest, SqlSchema
from app.api.views.sql import run_query
from app.query.sql.errors import SqlDisabled
from app.query.sql.tables import columns_of_tables
from app.services import current_services
from app.site.downloads import FORMS, as_file, form_of
from app.site.errors import HTML, KEY_NEEDED
from app.site.rendering.results import tabulate

blueprint = Blueprint("sql_pages", __name__)

EXAMPLES: Final = {
    "Turns by role": "SELECT role, count(*) AS turns\n"
    "FROM turns\nGROUP BY role\nORDER BY turns DESC",
    "Contributions by day": "SELECT received_at::DATE AS day, count(*) AS contributions\n"
    "FROM contributions\nGROUP BY day\nORDER BY day",
    "Models and their ratings": "SELECT model, count(*) AS turns,\n"
    "    count(*) FILTER (rating = 'positive') AS positive,\n"
    "    count(*) FILTER (rating = 'negative') AS negative\n"
    "FROM turns\nWHERE role = 'assistant'\nGROUP BY model\nORDER BY turns DESC\nLIMIT 50",
    "Length of answers": "SELECT length(content) // 250 * 250 AS characters, count(*) AS answers\n"
    "FROM turns\nWHERE role = 'assistant' AND length(content) < 10000\n"
    "GROUP BY characters\nORDER BY characters",
    "The newest prompts": "SELECT contribution_id, received_at, content\nFROM turns\n"
    "WHERE role = 'user' AND turn_number = 0\nORDER BY received_at DESC\nLIMIT 20",
}
_PLACE: Final = re.compile(r"^LINE (\d+): (.*)\n( *)\^", re.MULTILINE)
_CUT_OFF: Final = "..."


@blueprint.get("/sql")
def show() -> str | Response:
    """Show the console, with the result of the query that the address has.

    A query is a costly read, and the console without one isn't.
    """
    if not current_services().settings.sql_enabled:
        raise SqlDisabled
    if not request.args.get("q", "").strip():
        return _console()
    asked = _asked()
    current_meter().take({"costly_reads": 1})
    found = run_query(asked)
    page = _console(
        table=tabulate(found.result),
        snapshot_id=found.snapshot_id,
        forms=FORMS,
        addresses={name: _address("download", found.snapshot_id, name) for name in FORMS},
        permanent=_address("show", found.snapshot_id),
    )
    return found.answer(page.encode(), HTML)


@blueprint.get("/sql/download/<form>")
def download(form: str) -> Response:
    """Send all rows of a query's result as a file."""
    file_form = form_of(form)
    return as_file(run_query(_asked()).stream(file_form.media_type), "rows", file_form)


@blueprint.after_request
def explain(response: Response) -> Response:
    """Show what is wrong with a query beside it; a missing key is asked for by another page."""
    is_shown = request.endpoint == "sql_pages.show" and "q" in request.args
    if is_shown and response.is_json and response.status_code not in KEY_NEEDED:
        envelope = response.get_json()
        response.set_data(_console(error=envelope, place=_place_of(envelope)))
        response.content_type = f"{HTML}; charset=utf-8"
    return response


def _asked() -> SqlRequest:
    """Return the query that the address has, by the rules of the API.

    Raises:
        ValidationError: The query is too long, or the address has another parameter.
    """
    parameters = request.args.to_dict()
    parameters["query"] = parameters.pop("q", "")
    asked: SqlRequest = SqlSchema().load(parameters)
    return asked


def _address(view: str, snapshot_id: str | None, form: str | None = None) -> str:
    """Return the address of the query's result at a snapshot: of a page, or of a file in a form."""
    query = request.args["q"]
    # What is None isn't in the address.
    return url_for(f"sql_pages.{view}", q=query, snapshot_id=snapshot_id, form=form)


def _place_of(envelope: dict[str, Any]) -> str | None:
    """Return the place in the query that an error points at; None when it points at none."""
    found = _PLACE.search("\n".join(map(str, envelope["errors"].get("query", ()))))
    if found is None:
        return None
    line, text, indent = found.groups()
    if text.startswith(_CUT_OFF):
        return f"Line {line}"
    return f"Line {line}, column {len(indent) - len(f'LINE {line}: ') + 1}"


def _console(**shown: Any) -> str:
    columns = columns_of_tables()
    proposals = {
        table: [{"label": column.name, "detail": column.type} for column in of_table]
        for table, of_table in columns.items()
    }
    return render_template(
        "sql/page.html",
        query=request.args.get("q", ""),
        columns=columns,
        proposals=proposals,
        examples=EXAMPLES,
        limits=current_services().settings,
        max_characters=MAX_QUERY_CHARACTERS,
        **shown,
    )
