"""Sends one file, from its first row to the last outcome."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from chatlake_client.errors import LossyRowError, RowError, UnreadableFileError
from chatlake_client.files import read_rows
from chatlake_client.formats import Defaults, body_of
from chatlake_client.ids import StableIds
from chatlake_client.records import Outcome, PreparedRow, Rejected, Row
from chatlake_client.report import RejectedFile, Tally
from chatlake_client.sender import BulkSender

ShowProgress = Callable[[float], None]
"""Takes how much of the file has been read, from 0 to 1."""


@dataclass(slots=True)
class FileSender:
    """Sends the rows of one file.

    Attributes:
        path: The file.
        sender: The sender that all files of a run share.
        defaults: The fields of submissions whose rows don't state them.
        rejected_rows: The file that rejected rows are written to.
        tally: The outcomes so far, counted; right at any time, errors included.
        show_progress: Called with each row that was read.
    """

    path: Path
    sender: BulkSender
    defaults: Defaults
    rejected_rows: RejectedFile
    tally: Tally
    show_progress: ShowProgress
    _unreadable: UnreadableFileError | None = None

    def run(self) -> None:
        """Send every row of the file.

        Raises:
            UnreadableFileError: The file can't be read to its end. What was read has been sent.
            ServiceUnavailableError: The service can't be reached or fails.
            OSError: A rejected row can't be written.
        """
        with StableIds() as ids:
            for outcome in self.sender.send(self._prepared_rows(ids)):
                self._add(outcome)
        if self._unreadable:
            raise self._unreadable

    def _prepared_rows(self, ids: StableIds) -> Iterator[PreparedRow]:
        for row in self._readable_rows():
            if isinstance(row, Rejected):
                self._add(row)
                continue
            self.show_progress(row.file_share)
            try:
                body = body_of(row.value, self.defaults)
            except RowError as error:
                lost = error.keys if isinstance(error, LossyRowError) else ()
                self._add(Rejected(row.line, str(error), row.value, lost=lost))
                continue
            body.setdefault("ingest_id", ids.id_of_next(row.value))
            yield PreparedRow(row.line, body, row.value)

    def _readable_rows(self) -> Iterator[Row | Rejected]:
        """Yield rows up to the first error, which must not cut off the outcomes still to come."""
        try:
            yield from read_rows(self.path)
        except UnreadableFileError as error:
            self._unreadable = error

    def _add(self, outcome: Outcome) -> None:
        self.tally.add(outcome)
        if isinstance(outcome, Rejected):
            self.rejected_rows.add(self.tally.name, outcome)
