"""Texts that would do something on a page that took them for more than text."""

from itertools import product
from typing import Final

CANARY: Final = "window.ran=1"
"""What each script of these texts does; a page on which it was done has the variable `ran`."""

_SCRIPTS: Final = (
    "<script>{0}</script>",
    "<script src=data:text/javascript,{0}></script>",
    "<img src=x onerror={0}>",
    "<svg onload={0}>",
    "<svg><script>{0}</script></svg>",
    "<math><mtext></mtext><mglyph><style></math><img src=x onerror={0}>",
    "<iframe srcdoc='<script>parent.ran=1</script>'></iframe>",
    "<body onload={0}>",
    "<details open ontoggle={0}>a</details>",
    "<input autofocus onfocus={0}>",
    "<video><source onerror={0}></video>",
    "<a href='javascript:{0}'>a</a>",
    "<form action='javascript:{0}'><button>a</button></form>",
    "<object data='javascript:{0}'></object>",
    "<embed src='javascript:{0}'>",
    "<meta http-equiv=refresh content='0;javascript:{0}'>",
    "<base href='https://elsewhere.invalid/'>",
    "<link rel=stylesheet href=https://elsewhere.invalid/a.css>",
    "<style>*{{background:url(https://elsewhere.invalid/b)}}</style>",
    "<div hx-get=/v1/health/ hx-trigger=load hx-on::load={0}>a</div>",
    "<div hx-on:click={0} data-chart data-copy data-key-form>a</div>",
    "<template><img src=x onerror={0}></template>",
)
_FRAMES: Final = (
    "{}",
    '">{}',
    "'>{}",
    "</textarea></title></style></script>{}",
    "<!--{}-->",
    "]]>{}",
    "&#x3c;/a&#x3e;{}",
)
"""What closes the place where a text may stand, before it."""
_MARKDOWN: Final = (
    "[a](javascript:{0})",
    "[a](JaVaScRiPt:{0})",
    "[a](javascript&colon;{0})",
    "[a](\\u0001javascript:{0})",
    "[a](data:text/html,<script>{0}</script>)",
    "[a](vbscript:{0})",
    "![a](javascript:{0})",
    "![a](https://elsewhere.invalid/c.png)",
    "[a]: javascript:{0}\n\n[a]",
    "<javascript:{0}>",
    '[a](https://example.org "onmouseover={0}")',
    "```html\n<script>{0}</script>\n```",
    '```"><script>{0}</script>\nb\n```',
    "`<img src=x onerror={0}>`",
    "|<script>{0}</script>|\n|---|\n|<img src=x onerror={0}>|",
    "# <svg onload={0}>",
    "1. <script>{0}</script>",
    "> <script>{0}</script>",
)
_ODD: Final = (
    "{{{{ 7 * 7 }}}} {{% include '/etc/passwd' %}} ${{7*7}} #{{7*7}}",
    '=HYPERLINK("https://elsewhere.invalid")',
    "=cmd|' /C calc'!A0",
    "+1+1",
    "@SUM(1)",
    "\u202egnp.exe\u202c",
    "\u2067right to left\u2069\u200f",
    "\u200b\u200c\u200d\ufeff\u2060",
    "\u0430\u0440\u0440\u04cf\u0435.com",
    "z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324" * 40,
    "\ud83d\udc69\u200d\ud83d\udc69".encode("utf-16", "surrogatepass").decode("utf-16"),
    "\u0001\u0007\u0008\u001b[31mred\u001b[0m",
    "a\tb\r\nc\rd\u2028e\u2029f",
    "<" * 2_000,
    "&amp;&lt;&#x3c;script&#62;{0}",
    "&" * 500,
    "[" * 1_000,
    "(" * 1_000,
    "*_" * 1_000,
    "> " * 400 + "a",
    "- " * 400 + "a",
    "`" * 501,
    "|" * 500,
    "\\" * 501,
    "a" * 100_000,
    "w\u00f6rter " * 20_000,
    "../../etc/passwd%00",
    "' OR 1=1; DROP TABLE contributions;--",
    "%s%n%x {0!r}",
    "\x7f\x80\x9f\u00ad",
)

TEXTS: Final = tuple(
    [frame.format(script.format(CANARY)) for frame, script in product(_FRAMES, _SCRIPTS)]
    + [text.format(CANARY) for text in _MARKDOWN]
    + [text.format(CANARY) for text in _ODD]
)
"""Some two hundred texts, as they are sent."""
