"""Conditions on scores, as settings state them: `sexual/minors>0.5, hate>0.9`."""

import re
from typing import Final

from app.curation.rules.interface import ScoreCondition
from app.settings import SettingsError

_CONDITION: Final = re.compile(r"\s*(?P<category>[^\s<>,=]+)\s*>\s*(?P<above>\d+(?:\.\d+)?)\s*")


def parse_conditions(text: str, setting: str) -> tuple[ScoreCondition, ...]:
    """Return the conditions that a setting states, with commas between them.

    Args:
        text: The value of the setting.
        setting: The setting's variable, for the error.

    Raises:
        SettingsError: The value states something else, or a category twice.
    """
    conditions: list[ScoreCondition] = []
    for part in text.split(","):
        match = _CONDITION.fullmatch(part)
        if match is None:
            problem = f"{part.strip()!r} is not a condition such as sexual/minors>0.5"
            raise SettingsError(setting, problem)
        condition = ScoreCondition(match["category"], float(match["above"]))
        if condition.above > 1:
            raise SettingsError(setting, f"{part.strip()!r}: scores are from 0 to 1")
        if condition.category in {known.category for known in conditions}:
            raise SettingsError(setting, f"{condition.category} is there twice")
        conditions.append(condition)
    return tuple(conditions)
