"""One file, from its first row to the last outcome."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from chatlake_client.errors import LossyRowError, RowError, UnreadableFileError
from chatlake_client.files import read_rows
from chatlake_client.formats import Defaults, body_of
from chatlake_client.ids import StableIds
from chatlake_client.records import Outcome, Rejected, Row, Submission
from chatlake_client.report import RejectedFile, Tally
from chatlake_client.sender import Sender

# Takes how much of the file has been read, from 0 to 1.
ShowProgress = Callable[[float], None]


@dataclass(slots=True)
class Upload:
    """Sends the rows of one file.

    Attributes:
        path: The file.
        sender: The way to the service.
        defaults: What a submission states where its row doesn't.
        rejected_rows: Where rejected rows go.
        tally: What became of the rows so far; right at any time, errors included.
        show_progress: Told how much of the file has been read.
    """

    path: Path
    sender: Sender
    defaults: Defaults
    rejected_rows: RejectedFile
    tally: Tally
    show_progress: ShowProgress
    _unreadable: UnreadableFileError | None = None

    def run(self) -> None:
        """Send every row of the file.

        Raises:
            UnreadableFileError: The file can't be read to its end. What was read has been sent.
            ServiceUnavailableError: The service can't be reached.
            OSError: A rejected row can't be written.
        """
        with StableIds() as ids:
            for outcome in self.sender.send(self._submissions(ids)):
                self._add(outcome)
        if self._unreadable:
            raise self._unreadable

    def _submissions(self, ids: StableIds) -> Iterator[Submission]:
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
            yield Submission(row.line, body, row.value)

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
