"""Guides: the documentation for those who contribute conversations, and for those who read them.

They are pages of `docs/`, which the service is delivered with. A link to another guide leads to its
page; of a link to a document for operators or developers, only the words are shown.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final

from flask import Blueprint, abort, render_template, url_for

from app.site.rendering.markdown import render_markdown

blueprint = Blueprint("guides", __name__, url_prefix="/guides")

GUIDES: Final[Mapping[str, str]] = {
    "contributors": "What becomes of what you send, and how to see, change and withdraw it.",
    "client": "Send files, exports of chat programs and logs, or send from a program in Python.",
    "curation": "What is cleaned and masked, what is left out, and why.",
    "releases": "What a release is, how to load one, and whom to credit.",
    "reading": "Read the lake with the engine that you already use.",
    "api": "Every part of the API by an example.",
    "maps": "How a map is made, and how to read one.",
    "glossary": "What the words of this site mean.",
}
"""What the guides are about, by the names of their files."""
FOLDER: Final = Path(__file__).parents[3] / "docs"
_TITLE: Final = re.compile(r"\A# (.+)\n")
_RELATIVE_LINK: Final = re.compile(r"\[([^\]]+)\]\((?![a-z]+:|#)([^)#]*)(#[^)]*)?\)")


@blueprint.get("")
def show_all() -> str:
    """List the guides."""
    titles = {name: _title_and_text(name)[0] for name in GUIDES}
    return render_template("guides/list.html", titles=titles, about=GUIDES)


@blueprint.get("/<guide>")
def show(guide: str) -> str:
    """Show a guide."""
    if guide not in GUIDES:
        abort(HTTPStatus.NOT_FOUND)
    title, text = _title_and_text(guide)
    linked = _RELATIVE_LINK.sub(_link, text)
    return render_template(
        "guides/page.html", title=title, text=render_markdown(linked, has_anchors=True)
    )


def _title_and_text(name: str) -> tuple[str, str]:
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    title = _TITLE.match(text)
    return (title[1], text[title.end() :]) if title else (name, text)


def _link(found: re.Match[str]) -> str:
    """Return a link between documents as one between pages, or its words alone."""
    words, path, anchor = found.groups()
    name = path.removesuffix(".md")
    if name not in GUIDES:
        return words
    return f"[{words}]({url_for('guides.show', guide=name)}{anchor or ''})"
