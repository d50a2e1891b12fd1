"""Errors of the lake kernel, and the categories that the errors of every domain belong to.

LakeError
├── NotFound
│   ├── TableNotFound
│   ├── SnapshotNotFound
│   └── TagNotFound
├── Gone
├── Invalid
├── Conflict
├── Overloaded
├── Unavailable
│   ├── CommitConflict
│   └── ColumnsMissing
├── Abandoned
├── SnapshotNotLive
├── TagTaken
├── BatchSnapshotLost
└── DeleteFilesUnsupported

Each domain defines its own errors below these categories. Errors that only commands raise, and a
few that have a status code of their own, inherit `LakeError` itself. Every error carries its data
as attributes. `app.api.errors` maps errors to HTTP, and `app.cli.errors` to the command line.
"""

from collections.abc import Iterable

from catalog.wording import counted


class LakeError(Exception):
    """Base of every error that chatlake raises on purpose."""


class NotFound(LakeError):
    """Nothing has the name or id that was asked for."""


class Gone(LakeError):
    """What was asked for was there, and is withdrawn for good."""


class Invalid(LakeError):
    """What was asked for is wrong, and asking again is of no use."""


class Conflict(LakeError):
    """Another request is handling the same data; this one can be sent again later."""


class Overloaded(LakeError):
    """A limit on concurrent or waiting work is reached; try again later."""


class Unavailable(LakeError):
    """Something that the answer depends on doesn't work at present; try again later."""


class Abandoned(LakeError):
    """The client disconnected before its answer was ready."""


class TableNotFound(NotFound):
    """A table of the lake doesn't exist, because the migrations have not been run."""

    def __init__(self, identifier: str) -> None:
        super().__init__(f"table {identifier} doesn't exist; run the migrations first")
        self.identifier = identifier


class SnapshotNotFound(NotFound):
    """No snapshot has this id, or no snapshot was committed by this time."""

    def __init__(self, reference: object, why: str | None = None) -> None:
        super().__init__(f"no snapshot for {reference}" + (f": {why}" if why else ""))
        self.reference = reference


class TagNotFound(NotFound):
    """No snapshot carries this tag."""

    def __init__(self, tag: str) -> None:
        super().__init__(f"no snapshot has the tag {tag!r}")
        self.tag = tag


class SnapshotNotLive(LakeError):
    """The snapshot was thinned, and its table doesn't tell what it was."""

    def __init__(self, snapshot_id: int) -> None:
        super().__init__(
            f"snapshot {snapshot_id} of the stage is no longer live: a later build has replaced "
            "it; build the stage again"
        )
        self.snapshot_id = snapshot_id


class TagTaken(LakeError):
    """A tag or a branch already has this name."""

    def __init__(self, tag: str) -> None:
        super().__init__(f"the tag {tag!r} is taken")
        self.tag = tag


class CommitConflict(Unavailable):
    """Another writer committed first at every attempt; nothing of this commit is in the table."""

    def __init__(self, attempts: int) -> None:
        super().__init__(
            f"another writer committed first in each of {counted(attempts, 'attempt')}"
        )
        self.attempts = attempts


class ColumnsMissing(Unavailable):
    """A table lacks fields that rows have, because the migrations have not been run."""

    def __init__(self, fields: Iterable[str]) -> None:
        self.fields = sorted(fields)
        super().__init__(f"a table lacks {', '.join(self.fields)}; run the migrations first")


class BatchSnapshotLost(LakeError):
    """The table holds a batch, but the snapshot that added it is no longer live."""

    def __init__(self, batch_id: str) -> None:
        super().__init__(f"batch {batch_id} is in the table, but its snapshot is no longer live")
        self.batch_id = batch_id


class DeleteFilesUnsupported(LakeError):
    """A snapshot has delete files, which chatlake doesn't write and can't apply."""

    def __init__(self, snapshot_id: int) -> None:
        super().__init__(f"snapshot {snapshot_id} has delete files of another engine")
        self.snapshot_id = snapshot_id
