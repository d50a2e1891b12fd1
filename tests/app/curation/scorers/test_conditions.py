import pytest

from app.curation.rules.interface import ScoreCondition
from app.curation.scorers.conditions import parse_conditions
from app.settings import SettingsError


def test_conditions_are_read_with_or_without_spaces() -> None:
    assert parse_conditions(" sexual/minors>0.5,hate > 1", "X") == (
        ScoreCondition("sexual/minors", 0.5),
        ScoreCondition("hate", 1),
    )
    assert str(ScoreCondition("hate", 0.5)) == "hate>0.5"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "'' is not a condition"),
        ("hate", "'hate' is not a condition"),
        ("hate>", "is not a condition"),
        ("hate>x", "is not a condition"),
        ("hate>-1", "is not a condition"),
        ("hate<1", "is not a condition"),
        ("hate>0.5,", "'' is not a condition"),
        ("hate>1.5", "scores are from 0 to 1"),
        ("hate>0.5,hate>0.6", "hate is there twice"),
    ],
)
def test_anything_else_is_refused_by_the_setting_s_name(text: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=f"X: .*{problem}"):
        parse_conditions(text, "X")
