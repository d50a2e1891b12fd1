"""Each name in the style sheets has one meaning, and something that bears it."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Final

from pygments.token import STANDARD_TYPES

SITE: Final = Path(__file__).parents[3] / "app" / "site"
SHEETS: Final = SITE / "static" / "site"
OF_CODE: Final = set(STANDARD_TYPES.values())
"""Names of Pygments for the parts of code."""
OF_LIBRARIES: Final = {"htmx-request", "uplot", "u-legend", "u-series", "u-value"}
COMBINED: Final = {"columns", "said"}
"""Names for one thing of which another sheet changes a detail."""


def rules() -> dict[str, dict[str, set[str]]]:
    """Return the classes by sheet, and of each the classes that its selectors begin with."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for sheet in sorted(SHEETS.glob("*.css")):
        text = re.sub(r"/\*.*?\*/", "", sheet.read_text(encoding="utf-8"), flags=re.DOTALL)
        for selectors in re.findall(r"([^{}]+)\{", text):
            for selector in selectors.split(","):
                classes = re.findall(r"\.([a-z][\w-]*)", selector)
                for name in classes:
                    found[name][sheet.name].add(classes[0])
    return found


def named() -> set[str]:
    """Return the words that templates, scripts and views write where a class can stand."""
    words: set[str] = set()
    for template in SITE.glob("templates/**/*.html"):
        text = template.read_text(encoding="utf-8")
        for value in re.findall(r'class="(.*?)"[ >/{]', text):
            words.update(re.findall(r"[\w-]+", value))
        words.update(re.findall(r'"([\w-]+)"\)', text))
    for script in (*SHEETS.glob("*.js"), *SITE.rglob("*.py"), *SITE.glob("vendoring/*.js")):
        text = script.read_text(encoding="utf-8")
        words.update(re.findall(r'class(?:Name = |=|.*?)"([\w-]+)"', text))
    return words


def test_every_rule_is_for_something() -> None:
    assert set(rules()) - named() - OF_LIBRARIES - OF_CODE == set()


def test_every_name_is_defined_in_one_sheet() -> None:
    several = {
        name: {sheet for sheet, firsts in sheets.items() if name in firsts}
        for name, sheets in rules().items()
    }
    assert {name for name, sheets in several.items() if len(sheets) > 1} - COMBINED == set()
