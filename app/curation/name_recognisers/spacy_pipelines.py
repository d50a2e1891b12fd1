"""Names by spaCy: the pipelines of languages that are installed as packages.

`requirements-names.txt` has spaCy with one for English and one for French. Any other pipeline that
finds persons can be installed beside them; nothing is downloaded when it is used.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import pyarrow as pa

from app.curation.rules.cleaning.language import languages
from app.curation.rules.cleaning.masks.mask import Span

_REQUIREMENTS: Final = "requirements-names.txt"
_PERSON: Final = frozenset({"PER", "PERSON", "PERS", "persName"})
"""What pipelines call people."""
_NEEDED: Final = frozenset({"tok2vec", "transformer", "ner"})
"""The parts of a pipeline that find names; the others would only take time."""
_PART_CHARACTERS: Final = 20_000
"""Characters that are read at once. What is further away tells a pipeline nothing."""


class SpacyPipelines:
    """Finds persons by the installed pipeline of the language that a text is in, if there is one.

    Each text is read by itself, since numbers in a batch are rounded otherwise than those of a
    single text.

    Attributes:
        version: The versions of spaCy and of the pipelines.
    """

    def __init__(self) -> None:
        """Load the pipelines.

        Raises:
            ModuleNotFoundError: spaCy or a pipeline isn't installed.
        """
        try:
            import spacy  # noqa: PLC0415  # an extra
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(f"spaCy is an extra: install {_REQUIREMENTS}") from error
        self._pipelines: dict[str, Any] = {}
        names = []
        for name in sorted(spacy.util.get_installed_models()):
            pipeline = spacy.load(name)
            if _PERSON.isdisjoint(pipeline.pipe_labels.get("ner", ())):
                continue
            pipeline.select_pipes(enable=[each for each in pipeline.pipe_names if each in _NEEDED])
            if self._pipelines.setdefault(pipeline.lang, pipeline) is pipeline:
                names.append(f"{name} {pipeline.meta['version']}")
        if not names:
            raise ModuleNotFoundError(f"no pipeline of spaCy is installed: see {_REQUIREMENTS}")
        self.version = f"spacy {spacy.__version__}, {', '.join(names)}"

    def find(self, texts: Sequence[str]) -> Iterator[list[Span]]:
        """Yield, for each text in order, the places of all persons in it."""
        codes, _ = languages(pa.array(texts, pa.large_string()))
        for text, code in zip(texts, codes.to_pylist(), strict=True):
            pipeline = self._pipelines.get(code)
            yield list(_persons(pipeline, text)) if pipeline else []


def _persons(pipeline: Any, text: str) -> Iterator[Span]:
    begin = 0
    while begin < len(text):
        end = _end_of_part(text, begin)
        for entity in pipeline(text[begin:end]).ents:
            if entity.label_ in _PERSON:
                yield begin + entity.start_char, begin + entity.end_char
        begin = end


def _end_of_part(text: str, begin: int) -> int:
    """Return where a part ends: after a line, or else a word, if one ends in it."""
    end = begin + _PART_CHARACTERS
    if end >= len(text):
        return len(text)
    # Rather at the end of a line: a space may stand within a name.
    return text.rfind("\n", begin, end) + 1 or text.rfind(" ", begin, end) + 1 or end
