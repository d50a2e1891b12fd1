"""The results of a run: counts, and the file of rejected rows."""

import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from chatlake_client import jsontext
from chatlake_client.contract import Contents
from chatlake_client.records import Accepted, Outcome, Rejected, Skipped


@dataclass(slots=True)
class Tally:
    """The counted outcomes of one file.

    Attributes:
        name: The file's name, as it was given.
        accepted: How many rows the service has stored.
        rejected: How many rows are not stored and won't be without a change.
        skipped: How many rows, and members of an archive, hold no conversation and needn't.
        seconds: The time from the start of the file to its newest outcome.
        lost: How many rows were rejected because of each key that no submission can hold.
        contents: What the conversations hold that the service has accepted.
    """

    name: str
    accepted: int = 0
    rejected: int = 0
    seconds: float = 0.0
    lost: Counter[str] = field(default_factory=Counter)
    skipped: int = 0
    contents: Contents = field(default_factory=Contents)
    _started_s: float = field(default_factory=time.monotonic, repr=False)

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        self.accepted += isinstance(outcome, Accepted)
        self.skipped += isinstance(outcome, Skipped)
        if isinstance(outcome, Rejected):
            self.rejected += 1
            self.lost.update(outcome.lost)
        self.seconds = time.monotonic() - self._started_s

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.accepted:,} accepted, {self.rejected:,} rejected, "
            f"{self.seconds:.1f} s"
        )


def total(tallies: list[Tally]) -> Tally:
    """Return the sum of all files' tallies."""
    contents = Contents()
    for tally in tallies:
        contents.add(tally.contents)
    return Tally(
        name="total",
        accepted=sum(tally.accepted for tally in tallies),
        rejected=sum(tally.rejected for tally in tallies),
        seconds=sum(tally.seconds for tally in tallies),
        lost=sum((tally.lost for tally in tallies), Counter()),
        skipped=sum(tally.skipped for tally in tallies),
        contents=contents,
    )


def table(tally: Tally, ignored: Collection[str] = (), repeated: int = 0) -> list[str]:
    """Return the lines of a table of what accepted conversations hold and what they lost.

    Args:
        tally: The counted outcomes.
        ignored: Keys that the service doesn't know and hasn't stored.
        repeated: How many accepted conversations the service had stored before.
    """
    contents = tally.contents
    rows: list[tuple[str, int | None]] = [
        ("conversations", contents.conversations),
        ("of these stored before", repeated),
        ("of these without a stated agent", contents.without_agent),
        ("rejected rows", tally.rejected),
        ("turns", contents.turns),
        ("alternatives", contents.alternatives),
        ("attachments described", contents.attachments),
        ("rows without a conversation", tally.skipped),
    ]
    rows += [(f"not taken: {key}", count) for key, count in sorted(contents.not_taken.items())]
    rows += [(f"ignored by the service: {key}", None) for key in sorted(ignored)]
    rows += [
        (f"rejected, would have lost: {key}", count) for key, count in tally.lost.most_common()
    ]
    width = max(len(name) for name, _ in rows)
    return [name if count is None else f"{name:<{width}}  {count:>10,}" for name, count in rows]


class RejectedFile:
    """A JSONL file of rejected rows, which is made with the first of them.

    Each line holds `file`, `line`, `status` (null when the row was never sent), `message`,
    `errors` and `row`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file:
            self._file.close()

    @property
    def is_written(self) -> bool:
        """Whether any row was rejected."""
        return self._file is not None

    def add(self, name: str, rejected: Rejected) -> None:
        """Write one rejected row.

        Args:
            name: The name of the file that the row comes from.
            rejected: The row, and why it was rejected.

        Raises:
            OSError: The file can't be written.
        """
        if self._file is None:
            self._file = self.path.open("wb")
        line = {
            "file": f"{name}/{rejected.member}" if rejected.member else name,
            "line": rejected.line,
            "status": rejected.status,
            "message": rejected.message,
            "errors": rejected.errors,
            "row": rejected.row,
        }
        self._file.write(jsontext.dump(line) + b"\n")
