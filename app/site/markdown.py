"""Markdown of the operator and of strangers as HTML that runs nothing and loads nothing.

The parser passes no HTML on. What it makes is cleaned all the same, by a list of elements, so that
a mistake of the parser isn't one of the page. Pictures would be requests to other servers, so they
become links.
"""

from collections.abc import Sequence
from typing import Any, Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

_HIGHLIGHTED_CHARACTERS: Final = 20_000
"""Length of the longest code that is coloured; a longer one would take the worker's time."""
_ELEMENTS: Final = {
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "blockquote", "div", "pre"),
    *("a", "code", "del", "em", "s", "span", "strong", "ol", "ul", "li"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES: Final = {
    "a": {"href", "title"},
    "code": {"class"},
    "div": {"class"},
    "ol": {"start"},
    "p": {"class"},
    "span": {"class"},
}
_SCHEMES: Final = {"http", "https", "mailto"}
_FORMATTER: Final = HtmlFormatter(nowrap=True)


def render_markdown(text: str, *, is_quoted: bool = False) -> Markup:
    """Return a text in Markdown as HTML for a page.

    Code that names its language is coloured by classes of Pygments, which the style sheet defines.
    Links lead to web pages and mail addresses only.

    Args:
        text: The text.
        is_quoted: Whether the page quotes the text: its headings are then shown as paragraphs,
            since they aren't those of the page.
    """
    html = (_QUOTING_PARSER if is_quoted else _PARSER).render(text)
    cleaned = nh3.clean(
        html,
        tags=_ELEMENTS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        link_rel="nofollow noopener noreferrer",
    )
    # Tables of cards have no head, and an empty cell is none. Code wider than the page is scrolled
    # by keys, too.
    cleaned = cleaned.replace("<th></th>", "<td></td>").replace("<pre>", '<pre tabindex="0">')
    return Markup(cleaned)  # noqa: S704  # it was cleaned


def _highlighted(code: str, language: str, _attributes: str) -> str:
    """Return code as coloured HTML; "" to show it as it is."""
    if not language or len(code) > _HIGHLIGHTED_CHARACTERS:
        return ""
    try:
        lexer = get_lexer_by_name(language)
    except ClassNotFound:
        return ""
    coloured: str = highlight(code, lexer, _FORMATTER)
    return coloured


def _link_to_picture(
    _renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    _options: OptionsDict,
    _environment: EnvType,
) -> str:
    token = tokens[index]
    name = token.content or "picture"
    return f'<a href="{escape(token.attrGet("src") or "")}">{escape(name)}</a>'


def _paragraph_opens(*_: Any) -> str:
    return '<p class="heading">'


def _paragraph_ends(*_: Any) -> str:
    return "</p>\n"


def _parser() -> MarkdownIt:
    options: dict[str, Any] = {"html": False, "highlight": _highlighted}
    parser = MarkdownIt("commonmark", options).enable(["table", "strikethrough"])
    parser.add_render_rule("image", _link_to_picture)
    return parser


_PARSER: Final = _parser()
_QUOTING_PARSER: Final = _parser()
_QUOTING_PARSER.add_render_rule("heading_open", _paragraph_opens)
_QUOTING_PARSER.add_render_rule("heading_close", _paragraph_ends)
