from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from werkzeug.routing import Map, Rule

from app.api.url_rules import LazyRule

PATHS: Final = ("/plain", "/<name>/files/<path:path>", "/<int:page>")
ARGUMENTS: Final[tuple[Mapping[str, Any], ...]] = (
    {},
    {"name": "a b", "path": "c/d", "more": "e"},
    {"page": 7},
)


def test_urls_are_built_as_by_werkzeugs_rule() -> None:
    built = [
        [urls.build(path, arguments) for path, arguments in zip(PATHS, ARGUMENTS, strict=True)]
        for rule in (Rule, LazyRule)
        for urls in [Map([rule(path, endpoint=path) for path in PATHS]).bind("host")]
        for _ in range(2)
    ]
    assert built == [["/plain", "/a%20b/files/c/d?more=e", "/7"]] * 4


def test_a_builder_is_compiled_once_and_when_it_is_first_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = []
    compile_builder = Rule._compile_builder

    def noted(rule: Rule, append_unknown: bool) -> Callable[..., tuple[str, str]]:
        made.append(rule.rule)
        return compile_builder(rule, append_unknown)

    monkeypatch.setattr(Rule, "_compile_builder", noted)
    urls = Map([LazyRule(path, endpoint=path) for path in PATHS]).bind("host")
    assert made == []
    assert [urls.build("/<int:page>", {"page": page}) for page in range(3)] == ["/0", "/1", "/2"]
    assert made == ["/<int:page>"]
