"""Reads the public texts that the model of toxicity is trained and measured on.

None of them is in this repository. `SOURCES` names the repositories, a checkout of each of which
lies in one folder, and their licences; `app/curation/scorers/toxicity_model/README.md` tells more.
"""

import csv
import gzip
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

HELD_PERCENT: Final = 20
HALF: Final = 50


@dataclass(frozen=True, slots=True)
class Row:
    """A labelled text.

    Attributes:
        text: The text.
        language: ISO 639 code of its language.
        is_toxic: Whether it was labelled as an insult, hate or abuse.
        source: Name of its source in `SOURCES`.
        is_held: Whether it is measured on, and not trained on.
    """

    text: str
    language: str
    is_toxic: bool
    source: str
    is_held: bool


def read_rows(folder: Path) -> list[Row]:
    """Return the rows of all sources, without those to train on whose text is held as well.

    Args:
        folder: The folder with a checkout of each repository, under the repository's own name.
    """
    rows = [row for read in SOURCES.values() for row in read(folder) if row.text.strip()]
    held = {row.text for row in rows if row.is_held}
    return [row for row in rows if row.is_held or row.text not in held]


def _is_held(key: object, percent: int = HELD_PERCENT) -> bool:
    return int(hashlib.sha256(str(key).encode()).hexdigest(), 16) % 100 < percent


def _table(path: Path, delimiter: str = ",") -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file, delimiter=delimiter)


def _davidson(folder: Path) -> Iterator[Row]:
    path = folder / "hate-speech-and-offensive-language/data/labeled_data.csv"
    for row in _table(path):
        text = row["tweet"]
        yield Row(text, "en", row["class"] != "2", "davidson", _is_held(text))


def _mlma(folder: Path) -> Iterator[Row]:
    toxic = {"abusive", "hateful", "offensive", "disrespectful"}
    with zipfile.ZipFile(folder / "MLMA_hate_speech/hate_speech_mlma.zip") as archive:
        for language in ("en", "fr", "ar"):
            name = f"hate_speech_mlma/{language}_dataset.csv"
            text = io.StringIO(archive.read(name).decode("utf-8-sig"))
            for row in csv.DictReader(text):
                said, found = row["tweet"], set(row["sentiment"].split("_"))
                if found != {"fearful"}:
                    shown = said.replace("@url", " ")
                    yield Row(shown, language, bool(found & toxic), "mlma", _is_held(said))


def _openai(folder: Path) -> Iterator[Row]:
    with gzip.open(folder / "moderation-api-release/data/samples-1680.jsonl.gz", "rt") as file:
        for row in map(json.loads, file):
            is_toxic = any(row.get(label) == 1 for label in ("H", "HR", "H2"))
            yield Row(row["prompt"], "en", is_toxic, "openai", is_held=True)


def _hatecheck(folder: Path) -> Iterator[Row]:
    for row in _table(folder / "hatecheck-data/test_suite_cases.csv"):
        is_toxic = row["label_gold"] == "hateful"
        yield Row(row["test_case"], "en", is_toxic, "hatecheck", is_held=True)


def _multilingual_hatecheck(folder: Path) -> Iterator[Row]:
    languages = (
        "arabic:ar dutch:nl french:fr german:de hindi:hi italian:it mandarin:zh polish:pl "
        "portuguese:pt spanish:es"
    )
    for name, _, language in (each.partition(":") for each in languages.split()):
        path = f"multilingual-hatecheck/MHC Final Cases/hatecheck_cases_final_{name}.csv"
        for row in _table(folder / path):
            is_toxic = row["label_gold"] == "hateful"
            # Cases of one template are alike, so they stay together.
            held = _is_held(row["templ_id"], HALF)
            yield Row(row["test_case"], language, is_toxic, "multilingual-hatecheck", held)


def _germeval(folder: Path) -> Iterator[Row]:
    for name in ("training", "test"):
        path = folder / f"GermEval-2018-Data/germeval2018.{name}.txt"
        for line in path.read_text("utf-8").splitlines():
            text, label, _ = line.split("\t")
            is_toxic = label == "OFFENSE"
            yield Row(text.replace("|LBR|", " "), "de", is_toxic, "germeval", name == "test")


def _cold(folder: Path) -> Iterator[Row]:
    for name in ("train", "dev", "test"):
        for row in _table(folder / f"COLDataset/COLDataset/{name}.csv"):
            yield Row(row["TEXT"], "zh", row["label"] == "1", "cold", name == "test")


def _kocohub(folder: Path) -> Iterator[Row]:
    for row in _table(folder / "korean-hate-speech/labeled/train.tsv", "\t"):
        text = row["comments"]
        yield Row(text, "ko", row["hate"] in {"hate", "offensive"}, "kocohub", _is_held(text))


def _told_br(folder: Path) -> Iterator[Row]:
    for row in _table(folder / "ToLD-Br/ToLD-BR.csv"):
        text = row.pop("text")
        votes = max(map(float, row.values()))
        if votes != 1:  # one of three annotators: unclear
            yield Row(text, "pt", votes > 1, "told-br", _is_held(text))


def _japanese(folder: Path) -> Iterator[Row]:
    for row in _table(folder / "japanese-toxic-dataset/data/subset.csv"):
        is_toxic = int(row["Toxic"]) + int(row["Very Toxic"]) > int(row["Not Toxic"])
        yield Row(row["text"], "ja", is_toxic, "japanese", _is_held(row["text"], HALF))


def _xsafety(folder: Path) -> Iterator[Row]:
    for name in ("ar", "bn", "de", "en", "fr", "hi", "ja", "ru", "sp", "zh"):
        language = "es" if name == "sp" else name
        for path in sorted((folder / "Multilingual_safety_benchmark" / name).glob("*.csv")):
            if path.stem not in {"Insult", "commonsense", "commen_sense"}:
                continue
            with path.open(encoding="utf-8-sig", newline="") as file:
                # The same place in all languages is the same text, translated.
                for place, fields in enumerate(csv.reader(file)):
                    is_toxic, held = path.stem == "Insult", _is_held(place // 4, HALF)
                    yield Row(" ".join(fields), language, is_toxic, "xsafety", held)


def _self_instruct(folder: Path) -> Iterator[Row]:
    root = folder / "self-instruct"
    for line in (root / "data/seed_tasks.jsonl").read_text("utf-8").splitlines():
        task = json.loads(line)
        texts = [task["instruction"], *(each["output"] for each in task["instances"])]
        for text in texts:
            yield Row(text, "en", False, "self-instruct", _is_held(text, HALF))
    predictions = root / "human_eval/predictions/text-davinci-003_predictions.jsonl"
    for line in predictions.read_text("utf-8").splitlines():
        text = json.loads(line)["prompt"]
        yield Row(text, "en", False, "self-instruct", _is_held(text, HALF))


def _chatterbot(folder: Path) -> Iterator[Row]:
    languages = (
        "bengali:bn chinese:zh dutch:nl english:en french:fr german:de hebrew:he hindi:hi "
        "indonesian:id italian:it japanese:ja korean:ko persian:fa portuguese:pt russian:ru "
        "spanish:es swedish:sv thai:th turkish:tr ukrainian:uk"
    )
    for name, _, language in (each.partition(":") for each in languages.split()):
        root = folder / "chatterbot-corpus/chatterbot_corpus/data" / name
        for path in sorted(root.glob("*.yml")):
            try:
                talks = yaml.safe_load(path.read_text("utf-8"))["conversations"]
            except yaml.YAMLError:
                continue
            texts = (text for talk in talks if isinstance(talk, list) for text in talk)
            for text in texts:
                if isinstance(text, str):
                    yield Row(text, language, False, "chatterbot", _is_held(text, HALF))


SOURCES: Final[Mapping[str, Callable[[Path], Iterator[Row]]]] = {
    "davidson": _davidson,  # t-davidson/hate-speech-and-offensive-language, MIT
    "mlma": _mlma,  # HKUST-KnowComp/MLMA_hate_speech, MIT
    "openai": _openai,  # openai/moderation-api-release, MIT
    "hatecheck": _hatecheck,  # paul-rottger/hatecheck-data, CC-BY-4.0
    # rewire-online/multilingual-hatecheck, CC-BY-4.0
    "multilingual-hatecheck": _multilingual_hatecheck,
    "germeval": _germeval,  # uds-lsv/GermEval-2018-Data, CC-BY-4.0
    "cold": _cold,  # thu-coai/COLDataset, Apache-2.0
    "kocohub": _kocohub,  # kocohub/korean-hate-speech, CC-BY-SA-4.0
    "told-br": _told_br,  # JAugusto97/ToLD-Br, CC-BY-SA-4.0
    "japanese": _japanese,  # inspection-ai/japanese-toxic-dataset, Apache-2.0
    "xsafety": _xsafety,  # Jarviswang94/Multilingual_safety_benchmark, Apache-2.0
    "self-instruct": _self_instruct,  # yizhongw/self-instruct, Apache-2.0
    "chatterbot": _chatterbot,  # gunthercox/chatterbot-corpus, BSD-3-Clause
}
"""The sources, each by a function that reads it from a folder of checkouts."""
