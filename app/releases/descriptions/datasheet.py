"""The datasheet of a lake: what only its operator can tell of the releases.

Its questions are those of Gebru et al., "Datasheets for datasets" (2021,
https://doi.org/10.1145/3458723), in words of our own, without those that the card answers itself.
The operator answers them in a file of Markdown: a heading of the second level for each part, and
one of the third level for each question, with the answer below it. Questions without an answer are
left out of the card, and questions that the operator adds are kept.
"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.settings import PREFIX, SettingsError

MAX_DATASHEET_BYTES: Final = 256 * 1024
"""Largest file: each release has it in its card."""
CREATOR: Final = "creator"
"""The term of schema.org that a question answers; the other terms are Croissant's."""

_VARIABLE: Final = f"{PREFIX}DATASHEET"
_PART, _QUESTION = "## ", "### "
_INTRODUCTION: Final = (
    "Write your answers below the questions, and leave those empty that you can't answer. You may "
    "add questions of your own. What stands above the first part isn't published."
)


@dataclass(frozen=True, slots=True)
class Question:
    """A question of the datasheet.

    Attributes:
        text: The question.
        term: The term of `croissant.json` that the answer is the value of, such as `dataBiases` of
            the vocabulary for responsible AI; None where no term fits.
    """

    text: str
    term: str | None = None


QUESTIONS: Final[dict[str, tuple[Question, ...]]] = {
    "Why it was made": (
        Question("What was this data set made for?"),
        Question("Who made it, and for whom?", CREATOR),
        Question("Who paid for it?"),
    ),
    "What it holds": (
        Question("Whose conversations are these, and whose are missing?", "dataBiases"),
        Question("What was meant to be in it and isn't?", "dataCollectionMissingData"),
        Question("Which mistakes and disturbances are known in it?", "dataLimitations"),
        Question("Does it depend on anything outside it, which may change or disappear?"),
        Question("May it hold secrets, or what insults, threatens or frightens?"),
        Question(
            "Can people be recognised in it, or what is nobody's business, such as their health?",
            "personalSensitiveInformation",
        ),
    ),
    "How it was collected": (
        Question("How do people come to contribute, and through what?", "dataCollection"),
        Question("What do they get for it?"),
        Question("What are they told, and what do they agree to?"),
        Question("Can they change their mind, and what happens then?"),
        Question("Who has examined whether it is right to collect this, and what was found?"),
    ),
    "How it was prepared": (
        Question(
            "What was done to conversations before they came to the lake?",
            "dataPreprocessingProtocol",
        ),
        Question("Who judged or labelled them, and by which rules?", "dataAnnotationProtocol"),
        Question("Are the conversations kept as they came, and who can read those?"),
    ),
    "What it is for": (
        Question("What has it been used for?"),
        Question("What else is it good for?", "dataUseCases"),
        Question("What must it not be used for?", "dataLimitations"),
        Question("Whom could its use harm, and how is that avoided?", "dataSocialImpact"),
    ),
    "How it is passed on": (
        Question("Who gets it, how and since when?"),
        Question("Which terms hold beside the licence, and who else has rights in it?"),
        Question("Which laws restrict passing it on?"),
    ),
    "How it is looked after": (
        Question("Who looks after it, and how are they reached?", "dataReleaseMaintenancePlan"),
        Question(
            "When are there new releases, and how are mistakes put right?",
            "dataReleaseMaintenancePlan",
        ),
        Question("How long are old releases kept?", "dataReleaseMaintenancePlan"),
        Question("How can others add to it?"),
    ),
}
"""The questions by the part of the datasheet that they belong to."""
_TERMS: Final = {
    question.text: question.term for questions in QUESTIONS.values() for question in questions
}


@dataclass(frozen=True, slots=True)
class Datasheet:
    """The answers of the operator.

    Attributes:
        parts: The answers by question, by part; there is no part or question without an answer.
    """

    parts: dict[str, dict[str, str]]

    def by_term(self) -> dict[str, list[str]]:
        """Return the answers to questions that have a term, by term."""
        terms: defaultdict[str, list[str]] = defaultdict(list)
        for answers in self.parts.values():
            for question, answer in answers.items():
                if term := _TERMS.get(question):
                    terms[term].append(answer)
        return dict(terms)


NO_DATASHEET: Final = Datasheet({})
"""The datasheet of an operator who has answered nothing."""


def template() -> str:
    """Return a file of Markdown with all questions, for the operator to answer."""
    parts = [
        "\n".join([f"{_PART}{part}", *(f"{_QUESTION}{each.text}\n" for each in questions)])
        for part, questions in QUESTIONS.items()
    ]
    return "\n".join([f"# Datasheet\n{_INTRODUCTION}\n", *parts])


def read_datasheet(path: Path | None) -> Datasheet:
    """Read the answers of the operator.

    Args:
        path: The file; None for no answers.

    Raises:
        SettingsError: The file can't be read, is too large, or has no form of a datasheet.
    """
    if path is None:
        return NO_DATASHEET
    try:
        with path.open("rb") as file:
            content = file.read(MAX_DATASHEET_BYTES + 1)
    except OSError as error:
        raise SettingsError(_VARIABLE, f"{path} can't be read: {error.strerror}") from error
    if len(content) > MAX_DATASHEET_BYTES:
        raise SettingsError(_VARIABLE, f"{path} has more than {MAX_DATASHEET_BYTES} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError(_VARIABLE, f"{path} isn't text in UTF-8: {error.reason}") from error
    return _parse(path, text)


def _parse(path: Path, text: str) -> Datasheet:
    parts: dict[str, dict[str, list[str]]] = {}
    questions: dict[str, list[str]] | None = None
    answer: list[str] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(_PART):
            questions, answer = parts.setdefault(line.removeprefix(_PART).strip(), {}), None
        elif line.startswith(_QUESTION):
            if questions is None:
                raise SettingsError(_VARIABLE, f"{path}, line {number}: a question before a part")
            answer = questions.setdefault(line.removeprefix(_QUESTION).strip(), [])
        elif answer is not None:
            answer.append(line)
        elif questions is not None and line.strip():
            raise SettingsError(_VARIABLE, f"{path}, line {number}: an answer without a question")
    if text.strip() and not any(parts.values()):
        raise SettingsError(
            _VARIABLE, f"{path} has no question; `scripts/lake datasheet` prints a template"
        )
    return Datasheet({part: told for part, asked in parts.items() if (told := _answered(asked))})


def _answered(questions: dict[str, list[str]]) -> dict[str, str]:
    answers = {question: "\n".join(lines).strip() for question, lines in questions.items()}
    return {question: answer for question, answer in answers.items() if answer}
