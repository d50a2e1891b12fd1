import pickle
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest

from app.curation.rules.interface import ScoreCondition
from app.curation.rules.standard import standard_rules
from app.curation.scorers import loading
from app.curation.scorers.loading import ENTRY_POINTS, load_scoring
from app.settings import Settings, SettingsError

HERE = "tests.app.curation.scorers.judging"


def settings(**values: Any) -> Settings:
    return Settings.at("/nowhere", **values)


def test_without_the_setting_no_scorer_is_asked() -> None:
    assert load_scoring(settings()).scorers == ()
    assert not standard_rules({}, scoring=load_scoring(settings())).has_scorers


def test_scorers_are_named_by_shipped_names_and_by_paths_and_can_be_sent() -> None:
    scoring = load_scoring(settings(scorers=f"toxicity, {HERE}:Shouting"))
    assert list(scoring.versions()) == [
        "scores by toxicity 1",
        f"scores by shouting {HERE}:Shouting 1",
    ]
    sent = pickle.loads(pickle.dumps(scoring))  # noqa: S301  # our own
    assert [said and said.flags for said in sent.scorers[1].score(["HO", "ho"])] == [
        ("shouting",),
        (),
    ]


def test_a_package_offers_a_scorer_by_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    found = EntryPoints([EntryPoint("shouts", f"{HERE}:Shouting", ENTRY_POINTS)])
    monkeypatch.setattr(loading, "entry_points", found.select)
    (scorer,) = load_scoring(settings(scorers="shouts")).scorers
    assert scorer.name == "shouting"
    with pytest.raises(SettingsError, match="only toxicity, moderation, shouts or module"):
        load_scoring(settings(scorers="whispers"))


def test_conditions_and_scorers_are_part_of_the_version_of_cleaning_only() -> None:
    without = standard_rules({})
    scored = standard_rules({}, scoring=load_scoring(settings(scorers="toxicity")))
    flagged = standard_rules(
        {}, scoring=load_scoring(settings(scorers="toxicity", flag_scores="toxicity>0.5"))
    )
    assert scored.cleaning_version == f"{without.cleaning_version} scores by toxicity 1"
    assert flagged.cleaning_version == f"{scored.cleaning_version} flags by toxicity>0.5"
    assert flagged.curating_version == without.curating_version


def test_the_moderation_server_is_made_by_settings_and_its_key_is_not_shown() -> None:
    asked = settings(
        scorers="moderation",
        moderation_url="http://user:password@127.0.0.1:1/v1/moderations",
        moderation_model="omni",
        moderation_key="secret",
    )
    scoring = load_scoring(asked)
    assert list(scoring.versions()) == ["scores by moderation omni at 127.0.0.1/v1/moderations"]
    for shown in (repr(scoring), repr(asked)):
        assert "secret" not in shown


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"scorers": "whispers"}, "SCORERS: there is no scorer 'whispers'"),
        ({"scorers": "toxicity,"}, "SCORERS: there is no scorer ''"),
        ({"scorers": "no_such_module:X"}, "SCORERS: .*No module named 'no_such_module'"),
        ({"scorers": f"{HERE}:broken"}, "SCORERS: .*OSError: no model"),
        ({"scorers": f"{HERE}:unusable"}, "SCORERS: .* needs `name`, `version` and `score`"),
        ({"scorers": "toxicity,toxicity"}, "SCORERS: two scorers are called toxicity"),
        ({"scorers": "moderation"}, "MODERATION_URL: the scorer `moderation` needs it"),
        ({"scorers": "toxicity", "flag_scores": "toxicity"}, "FLAG_SCORES: 'toxicity' is not"),
    ],
)
def test_what_is_no_scorer_is_refused_by_the_setting_s_name(
    values: dict[str, str], problem: str
) -> None:
    with pytest.raises(SettingsError, match=f"CHATLAKE_{problem}"):
        load_scoring(settings(**values))


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"flag_scores": "hate>0.5"}, "FLAG_SCORES: CHATLAKE_SCORERS has to name a scorer"),
        ({"quarantine_scores": "hate>0.5"}, "QUARANTINE_SCORES: CHATLAKE_SCORERS has to"),
        ({"moderation_url": "127.0.0.1:80"}, "MODERATION_URL: not a URL such as http"),
        ({"moderation_url": "ftp://x/y"}, "MODERATION_URL: not a URL such as http"),
        ({"moderation_url": "http://["}, "MODERATION_URL: not a URL such as http"),
    ],
)
def test_settings_that_can_mean_nothing_are_refused(values: dict[str, str], problem: str) -> None:
    with pytest.raises(SettingsError, match=f"CHATLAKE_{problem}"):
        settings(**values)


def test_conditions_flag_instead_of_the_scorer() -> None:
    scoring = load_scoring(
        settings(scorers=f"{HERE}:Shouting", flag_scores="shouting>0.4, digits>0")
    )
    assert scoring.flagged == (ScoreCondition("shouting", 0.4), ScoreCondition("digits", 0))
    flags = [said and scoring.flags_of(said) for said in scoring.scorers[0].score(["Ho", "how"])]
    assert flags == [["shouting"], []]
