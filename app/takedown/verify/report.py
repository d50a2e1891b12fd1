"""What a verification opened, what it couldn't open, and what it found."""

from collections import Counter
from dataclasses import dataclass, field

from catalog.wording import counted


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A place that still holds what should be gone.

    Attributes:
        place: Path, URL or table, with the part of it in which it was found.
        what: The id that was found, or `the text`.
    """

    place: str
    what: str


@dataclass(slots=True)
class Report:
    """The result of a verification.

    Attributes:
        opened: Number of things that were decoded, by their kind.
        searched_bytes: Bytes that were searched of each kind, after decoding.
        findings: What was found.
        unopened: Why something couldn't be searched, by its place.
    """

    opened: Counter[str] = field(default_factory=Counter)
    searched_bytes: Counter[str] = field(default_factory=Counter)
    findings: set[Finding] = field(default_factory=set)
    unopened: dict[str, str] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """Return the report in lines for a person."""
        opened = [
            f"opened {kind}: {count:,}, {counted(self.searched_bytes[kind], 'byte')}"
            for kind, count in sorted(self.opened.items())
        ]
        unopened = [f"not opened: {place}: {why}" for place, why in sorted(self.unopened.items())]
        findings = [f"FOUND {each.what} in {each.place}" for each in sorted(self.findings)]
        return [*opened, *unopened, *(findings or ["nothing was found"])]
