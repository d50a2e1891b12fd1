"""Why contributions aren't in a release: every reason, in the order in which they are applied."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from app.curation.rules.interface import Reason
from app.releases.recipe import Recipe

NO_PREFERENCE: Final = "no_preference"
"""Reason for which a contribution is left out that doesn't tell what people preferred."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A reason for which contributions are left out.

    Attributes:
        reason: Name of the reason, by which the manifest counts under `dropped`.
        by: What leaves them out: a stage, or the release with its filters.
        left_out: What the contributions have in common, as the end of a sentence that begins with
            "left out are those".
        threshold: What is compared with which value; None where nothing is.
        example: The beginning of a conversation that is left out; None without one.
        is_example_real: Whether the example is a contribution; else it is made up.
    """

    reason: str
    by: Literal["cleaned", "curated", "release"]
    left_out: str
    threshold: str | None = None
    example: str | None = None
    is_example_real: bool = False


def reasons_of(
    recipe: Recipe, of_stage: Sequence[Reason], examples: Mapping[str, str]
) -> list[LeftOut]:
    """Return the reasons of a release in the order in which they are applied.

    Args:
        recipe: The release.
        of_stage: The reasons of the stage that it is built from, in order.
        examples: Beginnings of contributions that were left out, by reason.
    """
    stages = (
        LeftOut(
            each.name,
            each.stage,
            each.left_out,
            each.threshold,
            examples.get(each.name, each.example),
            each.name in examples,
        )
        for each in of_stage
    )
    return [*stages, *_of_filters(recipe)]


def in_order(dropped: Mapping[str, int], reasons: Sequence[LeftOut]) -> dict[str, int]:
    """Return counts by reason in the order in which the reasons are applied."""
    places = {each.reason: place for place, each in enumerate(reasons)}
    last = len(places)
    return dict(sorted(dropped.items(), key=lambda pair: places.get(pair[0], last)))


def _of_filters(recipe: Recipe) -> Iterator[LeftOut]:
    if recipe.languages:
        languages = ", ".join(recipe.languages)
        yield LeftOut("language", "release", "in another language", f"not {languages}")
    yield from _of_least_values(recipe)
    if recipe.licences:
        licences = ", ".join(recipe.licences)
        yield LeftOut("licence", "release", "under another licence", f"not {licences}")
    if recipe.models:
        models = ", ".join(recipe.models)
        yield LeftOut("model", "release", "without a turn by one of the models", f"not {models}")
    if recipe.has_tools is not None:
        tools = "without" if recipe.has_tools else "with"
        yield LeftOut("tools", "release", f"{tools} tools")
    if recipe.alternating:
        yield LeftOut("alternating", "release", "that strict chat templates refuse")
    if recipe.flagged != "keep":
        has = "with" if recipe.flagged == "drop" else "without"
        yield LeftOut("flagged", "release", f"{has} a turn that a scorer flagged")
    if recipe.form != "conversations":
        yield LeftOut(NO_PREFERENCE, "release", "that tell no preference")


def _of_least_values(recipe: Recipe) -> Iterator[LeftOut]:
    if recipe.min_rating is not None:
        yield LeftOut("rating", "release", "with worse ratings", f"less than {recipe.min_rating}")
    if recipe.min_quality_score is not None:
        least = f"less than {recipe.min_quality_score:g}"
        yield LeftOut("quality_score", "release", "with a lower quality score", least)
