"""The page of the operator's terms, under which the lake takes conversations."""

from flask import Blueprint, abort, render_template

from app.ingest.terms import PAGE
from app.services import current_services
from app.site.rendering.markdown import render_markdown

blueprint = Blueprint("terms", __name__)


@blueprint.get(PAGE)
def show() -> str:
    """Show the terms and their version; without any, there is no such page."""
    settings = current_services().settings
    if settings.terms_file is None:
        abort(404)
    text = settings.terms_file.read_text(encoding="utf-8")
    return render_template(
        "terms/page.html", terms=render_markdown(text, level=2), version=settings.terms_version
    )
