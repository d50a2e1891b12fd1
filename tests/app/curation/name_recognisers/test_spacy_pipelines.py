from pathlib import Path
from typing import Any

import pytest

from app.curation.name_recognisers.spacy_pipelines import SpacyPipelines

spacy: Any = pytest.importorskip("spacy", reason="spaCy is an extra: requirements-names.txt")

ASKED = "Please ask Ada Quillmere, who works for Brackwell, about the harbour and the new crane."


@pytest.fixture
def pipelines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SpacyPipelines:
    """The recogniser with one pipeline, of English, which finds a person and an organisation."""
    pipeline = spacy.blank("en")
    ruler = pipeline.add_pipe("entity_ruler", name="ner")
    ruler.add_patterns(
        [
            {"label": "PERSON", "pattern": "Ada Quillmere"},
            {"label": "ORG", "pattern": "Brackwell"},
        ]
    )
    pipeline.to_disk(tmp_path / "ruled")
    monkeypatch.setattr(spacy.util, "get_installed_models", lambda: [str(tmp_path / "ruled")])
    return SpacyPipelines()


def test_persons_alone_are_found_by_the_pipeline_of_the_language(pipelines: SpacyPipelines) -> None:
    german = "Bitte fragen Sie Ada Quillmere nach dem Hafen, sie arbeitet dort seit vielen Jahren."
    begin = ASKED.index("Ada")

    found = list(pipelines.find([ASKED, german]))

    assert found == [[(begin, begin + len("Ada Quillmere"))], []]


def test_a_long_text_is_read_in_parts_and_its_names_have_their_places(
    pipelines: SpacyPipelines,
) -> None:
    long = f"{ASKED}\n" * 500

    (found,) = pipelines.find([long])

    assert len(found) == 500
    assert {long[begin:end] for begin, end in found} == {"Ada Quillmere"}


def test_the_version_names_spacy_and_the_pipeline(pipelines: SpacyPipelines) -> None:
    assert pipelines.version.startswith(f"spacy {spacy.__version__}, ")
    assert pipelines.version.endswith("ruled 0.0.0")


def test_pipelines_that_find_no_persons_are_no_recogniser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spacy.blank("en").to_disk(tmp_path / "blank")
    monkeypatch.setattr(spacy.util, "get_installed_models", lambda: [str(tmp_path / "blank")])

    with pytest.raises(ModuleNotFoundError, match=r"requirements-names\.txt"):
        SpacyPipelines()
