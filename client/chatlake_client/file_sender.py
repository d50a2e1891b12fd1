"""Sends the conversations of one file, from its first row to the last outcome."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from chatlake_client.contract import Contents, Terms, submissions_of
from chatlake_client.errors import LossyRowError, RowError, UnreadableFileError
from chatlake_client.ids import StableIds
from chatlake_client.importer import Found, read_conversations
from chatlake_client.records import Accepted, Outcome, PreparedRow, Rejected, Skipped
from chatlake_client.report import RejectedFile, Tally
from chatlake_client.sender import RowSender

ShowProgress = Callable[[float], None]
"""Takes how much of the file has been read, from 0 to 1."""


@dataclass(slots=True)
class FileSender:
    """Sends the conversations of one file.

    Attributes:
        path: The file.
        sender: The sender that all files of a run share.
        terms: How conversations become submissions.
        rejected_rows: The file that rejected rows are written to.
        tally: The outcomes so far, counted; right at any time, errors included.
        show_progress: Called with each row that was read.
    """

    path: Path
    sender: RowSender
    terms: Terms
    rejected_rows: RejectedFile
    tally: Tally
    show_progress: ShowProgress
    _unreadable: UnreadableFileError | None = None
    _on_their_way: deque[Contents] = field(default_factory=deque)

    def run(self) -> None:
        """Send every row of the file.

        Raises:
            UnreadableFileError: The file can't be read to its end. What was read has been sent.
            ServiceUnavailableError: The service can't be reached or fails.
            OSError: A rejected row can't be written.
        """
        with StableIds() as ids:
            # One outcome comes for each row, in order.
            for outcome in self.sender.send(self._prepared_rows(ids)):
                contents = self._on_their_way.popleft()
                if isinstance(outcome, Accepted):
                    self.tally.contents.add(contents)
                self._add(outcome)
        if self._unreadable:
            raise self._unreadable

    def _prepared_rows(self, ids: StableIds) -> Iterator[PreparedRow]:
        for found in self._readable():
            if not isinstance(found, Found):
                self._add(found)
                continue
            self.show_progress(found.file_share)
            try:
                submissions = submissions_of(found.conversation, found.losses, self.terms)
            except RowError as error:
                lost = error.keys if isinstance(error, LossyRowError) else ()
                self._add(Rejected(found.line, str(error), found.source, lost=lost))
                continue
            main, _ = submissions[0]
            for body, contents in submissions:
                # A branch is known by what it says: that stays the same as others are added.
                stated = found.source if body is main else [main["ingest_id"], body["conversation"]]
                body.setdefault("ingest_id", ids.id_of_next(stated))
                self._on_their_way.append(contents)
                yield PreparedRow(found.line, body, found.source)

    def _readable(self) -> Iterator[Found | Rejected | Skipped]:
        """Yield what is found up to the first error, which must not cut off outcomes to come."""
        try:
            yield from read_conversations(self.path)
        except UnreadableFileError as error:
            self._unreadable = error

    def _add(self, outcome: Outcome) -> None:
        self.tally.add(outcome)
        if isinstance(outcome, Rejected):
            self.rejected_rows.add(self.tally.name, outcome)
