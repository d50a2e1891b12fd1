"""Markdown of the operator and of strangers as HTML that runs nothing and loads nothing.

The parser passes no HTML on. What it makes is cleaned all the same, by a list of elements, so that
a mistake of the parser isn't one of the page. Pictures would be requests to other servers, so they
become links.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from time import thread_time
from typing import Any, Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup, escape
from pygments import format as formatted
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

_HIGHLIGHTED_CHARACTERS: Final = 20_000
"""Length of the longest code that is coloured; a longer one would take the worker's time."""
_COLOURING_S: Final = 0.2
"""Processor time for colouring the code of a text or of a page, in seconds; 0.02 is usual."""
_LANGUAGES: Final = {
    *("bash", "batch", "c", "clojure", "cpp", "csharp", "css", "dart", "diff"),
    *("docker", "elixir", "erlang", "fortran", "fsharp", "go", "graphql", "groovy", "haskell"),
    *("html", "java", "javascript", "json", "jsx", "julia", "kotlin", "lua", "make"),
    *("nasm", "nginx", "objective-c", "perl", "php", "powershell", "protobuf", "python", "ruby"),
    *("rust", "scala", "scss", "splus", "sql", "swift", "terraform", "tex", "toml"),
    *("typescript", "vim", "xml", "yaml", "zig"),
}
"""Languages that are coloured, by the first alias of their lexers.

Each has found every token of 12,000 hostile characters within 0.01 s. Some of the other lexers take
seconds for one token, or leave a part of the code to a lexer that it names.
"""
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
_COLOURING: Final = "colouring"
_LEVEL: Final = "level"
_ANCHORS: Final = "anchors"
"""Keys of the parser's environment."""
_LOWEST_LEVEL: Final = 6
_WITH_ANCHORS: Final = {f"h{level}": {"id"} for level in range(1, _LOWEST_LEVEL + 1)}
_NOT_IN_ANCHORS: Final = re.compile(r"[^\w -]")


@dataclass(slots=True)
class Colouring:
    """Colours code for as long as there is time: a few lines may take a lexer seconds.

    Attributes:
        left_s: The processor time that is left, in seconds.
    """

    left_s: float = _COLOURING_S

    def highlight(self, code: str, language: str, _attributes: str) -> str:
        """Return code as coloured HTML; "" to show it as it is."""
        if not language or len(code) > _HIGHLIGHTED_CHARACTERS or self.left_s <= 0:
            return ""
        try:
            lexer = get_lexer_by_name(language)
        except ClassNotFound:
            return ""
        if lexer.aliases[0] not in _LANGUAGES:
            return ""
        coloured: str = formatted(self._in_time(lexer.get_tokens(code)), _FORMATTER)
        return coloured if self.left_s > 0 else ""

    def _in_time(self, tokens: Iterator[Any]) -> Iterator[Any]:
        """Yield tokens until the time is over."""
        began_s = thread_time()
        end_s = began_s + self.left_s
        for token in tokens:
            if thread_time() > end_s:
                break
            yield token
        self.left_s -= thread_time() - began_s


def render_markdown(
    text: str,
    *,
    level: int = 1,
    is_quoted: bool = False,
    has_anchors: bool = False,
    colouring: Colouring | None = None,
) -> Markup:
    """Return a text in Markdown as HTML for a page.

    Code that names its language is coloured by classes of Pygments, which the style sheet defines.
    Links lead to web pages and mail addresses only.

    Args:
        text: The text.
        level: The level in the page of the text's headings of the first level, from 1; those below
            them follow.
        is_quoted: Whether the page quotes the text: its headings are then shown as paragraphs,
            since they aren't those of the page.
        has_anchors: Whether headings get the ids that GitHub gives them, for links to them. Not for
            texts of strangers, whose headings could take the id of a part of the page.
        colouring: Colours code, in the time that all texts of a page have; None for a text that has
            time of its own.
    """
    parser = _QUOTING_PARSER if is_quoted else _PARSER
    html = parser.render(
        text, {_COLOURING: colouring or Colouring(), _LEVEL: level, _ANCHORS: has_anchors}
    )
    cleaned = nh3.clean(
        html,
        tags=_ELEMENTS,
        attributes=_ATTRIBUTES | (_WITH_ANCHORS if has_anchors else {}),
        url_schemes=_SCHEMES,
        link_rel="nofollow noopener noreferrer",
    )
    # Tables of cards have no head, and an empty cell is none. Code wider than the page is scrolled
    # by keys, too.
    cleaned = cleaned.replace("<th></th>", "<td></td>").replace("<pre>", '<pre tabindex="0">')
    return Markup(cleaned)  # noqa: S704  # it was cleaned


def _code(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    environment: EnvType,
) -> str:
    colouring: Colouring = environment[_COLOURING]
    with_colours: Any = {**options, "highlight": colouring.highlight}
    return RendererHTML.fence(renderer, tokens, index, OptionsDict(with_colours), environment)


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


def _lower_headings(state: StateCore) -> None:
    """Put the headings of a text at the level that they have in its page."""
    lower_by = state.env[_LEVEL] - 1
    for token in state.tokens:
        if token.type in {"heading_open", "heading_close"}:
            level = int(token.tag.removeprefix("h")) + lower_by
            token.tag = f"h{min(level, _LOWEST_LEVEL)}"


def _name_headings(state: StateCore) -> None:
    """Give headings their ids, where links to them are wanted."""
    if not state.env[_ANCHORS]:
        return
    for opening, inline in pairwise(state.tokens):
        if opening.type == "heading_open":
            words = "".join(part.content for part in inline.children or ())
            opening.attrSet("id", _NOT_IN_ANCHORS.sub("", words.lower()).replace(" ", "-"))


def _paragraph_opens(*_: Any) -> str:
    return '<p class="heading">'


def _paragraph_ends(*_: Any) -> str:
    return "</p>\n"


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.add_render_rule("fence", _code)
    parser.add_render_rule("image", _link_to_picture)
    return parser


_PARSER: Final = _parser()
_PARSER.core.ruler.push("lower_headings", _lower_headings)
_PARSER.core.ruler.push("name_headings", _name_headings)
_QUOTING_PARSER: Final = _parser()
_QUOTING_PARSER.add_render_rule("heading_open", _paragraph_opens)
_QUOTING_PARSER.add_render_rule("heading_close", _paragraph_ends)
