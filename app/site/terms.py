"""The page of the operator's terms, under which the lake takes conversations.

The terms are Markdown without HTML, and lead to no script: markdown-it drops such links.
"""

from typing import Final

from flask import Blueprint, abort, render_template
from markdown_it import MarkdownIt
from markupsafe import Markup

from app.ingest.terms import PAGE
from app.services import current_services

blueprint = Blueprint("terms", __name__, template_folder="templates")

_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).enable("table")


@blueprint.get(PAGE)
def show() -> str:
    """Show the terms and their version; without any, there is no such page."""
    settings = current_services().settings
    if settings.terms_file is None:
        abort(404)
    text = settings.terms_file.read_text(encoding="utf-8")
    # All of it was made from text that is escaped.
    terms = Markup(_MARKDOWN.render(text))  # noqa: S704
    return render_template("terms.html", terms=terms, version=settings.terms_version)
