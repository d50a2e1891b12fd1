import pickle
import sys

import pytest

from app.curation.name_recognisers.loading import load_recogniser
from app.curation.rules.standard import standard_rules
from app.settings import SettingsError

HERE = "tests.app.curation.name_recognisers.titled"
SPACY = "app.curation.name_recognisers.spacy_pipelines:SpacyPipelines"


def test_a_loaded_recogniser_is_named_by_its_path_and_version_and_can_be_sent() -> None:
    recogniser = load_recogniser(f"{HERE}:Titled")

    assert recogniser.version == f"{HERE}:Titled titled 1"
    sent = pickle.loads(pickle.dumps(recogniser))  # noqa: S301  # our own
    assert [list(spans) for spans in sent.find(["Ask Dr. Ada King."])] == [[(8, 16)]]


def test_rules_with_a_recogniser_have_another_version_of_cleaning_only() -> None:
    without, with_names = standard_rules({}), standard_rules({}, load_recogniser(f"{HERE}:Titled"))

    assert (
        with_names.cleaning_version == f"{without.cleaning_version} names by {HERE}:Titled titled 1"
    )
    assert with_names.curating_version == without.curating_version


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("spacy", "isn't module:attribute"),
        ("no_such_module:Names", "ModuleNotFoundError: No module named 'no_such_module'"),
        (f"{HERE}:Missing", "AttributeError"),
        (f"{HERE}:broken", "OSError: no model"),
        (f"{HERE}:unusable", "needs `version` and `find`"),
    ],
)
def test_what_is_no_recogniser_is_refused_by_the_setting_s_name(path: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=f"CHATLAKE_NAME_RECOGNISER: .*{problem}"):
        load_recogniser(path)


def test_without_spacy_the_error_names_the_requirements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy", None)  # as if it weren't installed
    with pytest.raises(SettingsError, match=r"requirements-names\.txt"):
        load_recogniser(SPACY)
