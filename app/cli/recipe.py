"""The options of the recipe of a release."""

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Any, Final, get_args

import click

from app.releases.recipe import FLAGGED, FORMATS, FORMS, TEST_PERCENT, MinRating, Recipe
from app.services import current_services
from catalog.stages.tables import STAGES


class _NameList(click.ParamType[tuple[str, ...]]):
    """A parameter that is a list of names with commas between them: each once, and in order.

    Attributes:
        name: Name of the type in click's messages.
    """

    name = "words"

    def __init__(self, known: tuple[str, ...] = ()) -> None:
        """Accept the names in `known`, or any name when it is empty."""
        self._known = known

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Read the names from their text."""
        if isinstance(value, tuple):
            return value
        words = tuple(word.strip() for word in str(value).split(","))
        for word in words:
            if not word or (self._known and word not in self._known):
                expected = f"one of {', '.join(self._known)}" if self._known else "a word"
                self.fail(f"{word!r} is not {expected}", param, ctx)
        return tuple(sorted(set(words), key=self._known.index if self._known else None))


_PARAMETERS: Final = (
    click.argument("name"),
    click.option(
        "--stage",
        type=click.Choice(STAGES),
        required=True,
        help="The stage to release. It is computed first where it isn't yet.",
    ),
    click.option(
        "--form",
        type=click.Choice(FORMS),
        default=FORMS[0],
        show_default=True,
        help="What a row is: a conversation; a better and a worse answer to the same prompt "
        "(preference); or one answer that is good or bad (unpaired).",
    ),
    click.option(
        "--format",
        "formats",
        type=_NameList(FORMATS),
        default=FORMATS,
        show_default=",".join(FORMATS),
        help="The formats of its files, with commas between them.",
    ),
    click.option(
        "--language",
        "languages",
        type=_NameList(),
        default=(),
        help="Only conversations in these languages, such as en,de.",
    ),
    click.option(
        "--min-rating",
        type=click.Choice(get_args(MinRating)),
        help="Only conversations rated more positive than negative, or at least as much.",
    ),
    click.option(
        "--min-quality-score",
        type=float,
        help="Only conversations with at least this quality score, from 0 to 1, and those without "
        "one, which are in other languages than English and Chinese, or have short answers only.",
    ),
    click.option(
        "--only-licence",
        "licences",
        type=_NameList(),
        default=(),
        help="Only conversations under these licences, such as CC0-1.0,CC-BY-4.0. "
        "One that states none is under that of the release.",
    ),
    click.option(
        "--model",
        "models",
        type=_NameList(),
        default=(),
        help="Only conversations with these models, as agent or in a turn.",
    ),
    click.option(
        "--tools/--no-tools",
        "has_tools",
        default=None,
        help="Only conversations in which tools were offered or called, or only the others.",
    ),
    click.option(
        "--alternating",
        is_flag=True,
        help="Only conversations that strict chat templates take: user and assistant in turn, and "
        "an answer at the end.",
    ),
    click.option(
        "--flagged",
        type=click.Choice(FLAGGED),
        default=FLAGGED[0],
        show_default=True,
        help="What becomes of conversations with a turn that a scorer flagged: keep them, drop "
        "them, or keep only them.",
    ),
    click.option(
        "--shared-prompts",
        is_flag=True,
        help="With the form preference: also pair answers of several conversations to one prompt, "
        "where one was rated positive and the other negative.",
    ),
    click.option(
        "--test-percent",
        type=click.IntRange(0, 99),
        default=TEST_PERCENT,
        show_default=True,
        help="The share of the test split, in percent.",
    ),
    click.option(
        "--examples/--no-examples",
        "has_examples",
        default=False,
        show_default=True,
        help="Whether the card of a curated release shows beginnings of contributions that were "
        "left out, as examples of the reasons.",
    ),
    click.option("--licence", help="SPDX id of the licence; CHATLAKE_LICENCE by default."),
)
"""The name of a release and its options, each of which is a field of `Recipe`."""


def takes_recipe(command: Callable[..., None]) -> Callable[..., None]:
    """Decorate a command with the name and options of a release, which it gets as `recipe`.

    The command needs the application.
    """

    @wraps(command)
    def wrapper(*, licence: str | None, **given: Any) -> None:
        names = {field.name for field in fields(Recipe)} - {"licence"}
        recipe = Recipe(
            licence=licence or current_services().settings.licence,
            **{name: given.pop(name) for name in names},
        )
        command(recipe=recipe, **given)

    decorated: Callable[..., None] = wrapper
    for parameter in reversed(_PARAMETERS):
        decorated = parameter(decorated)
    return decorated
