"""Loads the scorers that a setting names: shipped ones, those of packages, and the operator's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from typing import Final

from app.curation.operator_code import make_named
from app.curation.rules.cleaning.scores import Scorer, Scoring, TextScores
from app.curation.scorers.conditions import parse_conditions
from app.settings import PREFIX, Settings, SettingsError

ENTRY_POINTS: Final = "chatlake.scorers"
"""The group of entry points by which packages offer scorers under a name."""
_SETTING: Final = f"{PREFIX}SCORERS"
_FLAGS: Final = f"{PREFIX}FLAG_SCORES"
_SHIPPED: Final = {
    "toxicity": "app.curation.scorers.toxicity:Toxicity",
    "moderation": "app.curation.scorers.moderation_server:ModerationServer",
}

Options = tuple[tuple[str, str | int | None], ...]
"""Arguments by which a scorer is made, as pairs of a name and a value."""


@dataclass(frozen=True, slots=True)
class LoadedScorer:
    """A scorer that each process makes for itself, since models are large to send.

    Attributes:
        path: Module and attribute of the scorer, as `module:attribute`.
        name: The name that the scorer states.
        version: The version that the scorer states; with the path of one that isn't shipped.
        options: The arguments to make it by, which may be secret.
    """

    path: str
    name: str
    version: str
    options: Options = field(default=(), repr=False)

    def score(self, texts: Sequence[str]) -> Iterable[TextScores | None]:
        """Return, for each text in order, what the scorer says of it."""
        return _made(self.path, self.options).score(texts)


def load_scoring(settings: Settings) -> Scoring:
    """Return what the settings say texts are scored by, loaded in this process.

    Each scorer is named by the name of a shipped one, by that of an entry point of a package, or as
    `module:attribute`. The attribute is called without arguments and returns a `Scorer`.

    Raises:
        SettingsError: There is no such scorer, it can't be used, or two have one name.
    """
    flagged = parse_conditions(settings.flag_scores, _FLAGS) if settings.flag_scores else None
    scorers: list[LoadedScorer] = []
    for named in (settings.scorers or "").split(",") if settings.scorers else ():
        scorer = _loaded(named.strip(), settings)
        if scorer.name in {known.name for known in scorers}:
            raise SettingsError(_SETTING, f"two scorers are called {scorer.name}")
        scorers.append(scorer)
    return Scoring(tuple(scorers), flagged)


def _loaded(named: str, settings: Settings) -> LoadedScorer:
    path = _SHIPPED.get(named) or (named if ":" in named else _entry_point(named))
    options = _server_options(settings) if named == "moderation" else ()
    scorer = _made(path, options)
    name, version = (getattr(scorer, each, None) for each in ("name", "version"))
    are_texts = all(isinstance(each, str) and each for each in (name, version))
    if not (are_texts and callable(getattr(scorer, "score", None))):
        problem = f"{named} makes no scorer: it needs `name`, `version` and `score`"
        raise SettingsError(_SETTING, problem)
    version = str(version) if named in _SHIPPED else f"{path} {version}"
    return LoadedScorer(path, str(name), version, options)


def _entry_point(name: str) -> str:
    for entry_point in entry_points(group=ENTRY_POINTS, name=name):
        return entry_point.value
    known = ", ".join([*_SHIPPED, *sorted(entry_points(group=ENTRY_POINTS).names)])
    raise SettingsError(_SETTING, f"there is no scorer {name!r}, only {known} or module:attribute")


def _server_options(settings: Settings) -> Options:
    if settings.moderation_url is None:
        raise SettingsError(f"{PREFIX}MODERATION_URL", "the scorer `moderation` needs it")
    return (
        ("url", settings.moderation_url),
        ("model", settings.moderation_model),
        ("key", settings.moderation_key),
        ("timeout_s", settings.moderation_timeout_s),
    )


@cache
def _made(path: str, options: Options) -> Scorer:
    scorer: Scorer = make_named(_SETTING, path, **dict(options))
    return scorer
