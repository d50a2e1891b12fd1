"""URL rules that are quick to make."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from werkzeug.routing import Rule


class LazyRule(Rule):
    """Werkzeug's rule, which compiles the function that builds its URLs when it first builds one.

    Compiling them took most of the time in which the application was made, and few are ever used.
    `_compile_builder` is Werkzeug's: see its `Rule`.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compiled = cache(partial(super()._compile_builder, append_unknown))

        def build(rule: Rule, /, **values: Any) -> tuple[str, str]:
            return compiled()(rule, **values)

        return build
