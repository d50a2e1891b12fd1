"""Loads the recogniser of names that a setting names."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from app.curation.operator_code import make_named
from app.curation.rules.cleaning.masks.mask import Span
from app.curation.rules.cleaning.masks.person_name import NameRecogniser
from app.settings import PREFIX, SettingsError

_SETTING: Final = f"{PREFIX}NAME_RECOGNISER"


@dataclass(frozen=True, slots=True)
class LoadedRecogniser:
    """A recogniser that each process loads for itself, since models are large to send.

    Attributes:
        path: Module and attribute of the recogniser, as `module:attribute`.
        version: The path, and the version that the recogniser states.
    """

    path: str
    version: str

    def find(self, texts: Sequence[str]) -> Iterable[Iterable[Span]]:
        """Return, for each text in order, the places of all names in it."""
        return _loaded(self.path).find(texts)


def load_recogniser(path: str) -> LoadedRecogniser:
    """Return the recogniser that a setting names, loaded in this process.

    Args:
        path: `module:attribute`, of which the attribute is called without arguments and returns
            a `NameRecogniser`.

    Raises:
        SettingsError: There is no such recogniser, or it can't be used.
    """
    recogniser = _loaded(path)
    version = getattr(recogniser, "version", None)
    if not (isinstance(version, str) and version and callable(getattr(recogniser, "find", None))):
        raise SettingsError(_SETTING, f"{path} makes no recogniser: it needs `version` and `find`")
    return LoadedRecogniser(path, f"{path} {version}")


@cache
def _loaded(path: str) -> NameRecogniser:
    recogniser: NameRecogniser = make_named(_SETTING, path)
    return recogniser
