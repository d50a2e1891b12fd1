"""Taking uploads in: many submissions, one in each line, in bounded memory.

The text is cut into chunks of whole lines, and as many chunks are decoded at once as there are
processors. A thread of each upload leaves out the rows that the journal has already and writes the
others to the upload's data files. One transaction at the end acknowledges the whole upload; the
committer adds the files.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from uuid import uuid4

from pyiceberg.table import Table

from app.access.contributors.ids import Ids
from app.access.contributors.networks import Networks
from app.access.limits.limiter import Meter
from app.ingest.decoding.contributions import new_contribution_id
from app.ingest.decoding.senders import Sender
from app.ingest.uploads.body_decoder import PROCESSORS, BodyDecoder
from app.ingest.uploads.line_decoder import DecodedLines, LineDecoder
from app.ingest.uploads.lines import LineCutter, Lines
from app.ingest.uploads.options import UploadOptions, UploadReceipt
from app.ingest.uploads.register import AnsweredUpload, Uploads
from app.ingest.uploads.repetition import RepeatedUpload
from app.ingest.uploads.store import UploadStore
from app.ingest.uploads.upload import Upload
from catalog.writing.staging import StagedFiles


class BulkIntake:
    """Takes uploads in, from the pieces of a body to a receipt."""

    def __init__(
        self,
        uploads: Uploads,
        open_table: Callable[[], Table],
        check_room: Callable[[], None],
        ids: Ids,
        decoder: LineDecoder,
        networks: Networks | None = None,
        *,
        max_line_bytes: int,
        max_rejected: int,
    ) -> None:
        """Prepare to take uploads in.

        Args:
            uploads: The uploads of the database.
            open_table: Returns the newest state of the lake's table.
            check_room: Raises `JournalFull` while the journal is full.
            ids: Makes the ids of the lake.
            decoder: Decodes lines, and refuses those that are to be refused.
            networks: Gets noted where contributions come from; None to note nothing.
            max_line_bytes: Greatest length of a line, in bytes.
            max_rejected: How many lines of an upload may be wrong before it is refused.
        """
        self._uploads = uploads
        self._open_table = open_table
        self._check_room = check_room
        self._max_line_bytes = max_line_bytes
        self._max_rejected = max_rejected
        self._networks = networks
        self._ids = ids
        self._decoder = decoder
        # Its threads start with the first upload, which is after a fork.
        self._pool = ThreadPoolExecutor(PROCESSORS, "decode")

    def submit(
        self, pieces: Iterable[bytes], options: UploadOptions, meter: Meter | None = None
    ) -> UploadReceipt:
        """Store the submissions of an upload, and return once they are durable.

        Args:
            pieces: The body, decompressed and cut anywhere. An error that it raises ends the
                upload, and nothing of it is stored.
            options: The options that the client chose.
            meter: Counts the rows and bytes of the client and of contributors; None if they don't
                count.

        Raises:
            LakeError: As `begin`, `Upload.feed` and `Upload.finish` raise.
            SQLAlchemyError: The database could not be written; sending it again is safe.
            OSError: A file could not be written; sending it again is safe.
        """
        with self.begin(options, meter) as upload:
            for piece in pieces:
                upload.feed(piece)
            return upload.finish()

    def begin(self, options: UploadOptions, meter: Meter | None = None) -> Upload | RepeatedUpload:
        """Begin an upload, whose body is fed to what is returned.

        Args:
            options: The options that the client chose.
            meter: Counts the rows and bytes of the client and of contributors; None if they don't
                count.

        Raises:
            JournalFull: Too much waits to be committed.
            UploadUnderWay: An upload with the same Idempotency-Key is being handled.
            SQLAlchemyError: The database could not be written; sending it again is safe.
        """
        self._check_room()
        opened = None
        if options.request_key is not None:
            opened = self._uploads.begin(options.request_key)
        submit = partial(self._submit, Sender(self._ids, *options.credentials))
        decoder = BodyDecoder(LineCutter(self._max_line_bytes), submit)
        if isinstance(opened, AnsweredUpload):
            return RepeatedUpload(
                opened, options, decoder if self._decoder.refuses_contents() else None
            )
        files = StagedFiles(self._open_table(), uuid4())
        store = UploadStore(self._uploads, opened, files)
        return Upload(store, decoder, options, self._max_rejected, meter, self._networks)

    def _submit(self, sender: Sender, lines: Lines) -> Future[DecodedLines]:
        # The ids are in the order of the lines, although chunks are decoded at once.
        ids = [new_contribution_id() for _ in range(len(lines))]
        return self._pool.submit(self._decoder.decode, lines, ids, sender)
