"""A run that ends anywhere is made again, and comes to the same end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pyarrow.fs import LocalFileSystem
from sqlalchemy import Engine, event

from app.services import Services
from app.settings import Settings
from catalog.maintenance import leftovers
from catalog.maintenance.orphans import filesystem_of
from catalog.schema import ID
from catalog.storage.durability import DurableFile
from tests.app.takedown.lake import MARK, Lake
from tests.factories import make_received
from tests.migrations.traces import files_with

_STRIDE = 3
"""Places from one end of the process to the next; all of them take too long for each change."""


class Killed(BaseException):
    """Stands for the end of the process."""


class Deadline:
    """Ends the process at the nth change of a file or a database, before or after the change."""

    def __init__(self) -> None:
        self.seen = 0
        self.last: int | None = None

    def pass_by(self) -> None:
        """Count a place; end the process beyond the last one."""
        self.seen += 1
        if self.last is not None and self.seen > self.last:
            raise Killed


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch, engines: list[Engine]) -> Iterator[Deadline]:
    """Count every file that gets its name, every file that is removed, and every commit."""
    deadline = Deadline()

    def around(change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*arguments: Any) -> Any:
            deadline.pass_by()
            result = change(*arguments)
            deadline.pass_by()
            return result

        return changed

    class Files:
        """The table's files, of which each removal is counted."""

        def __init__(self, filesystem: LocalFileSystem) -> None:
            self.open_input_file = filesystem.open_input_file
            self.delete_file = around(filesystem.delete_file)

    with monkeypatch.context() as patch:
        patch.setattr(DurableFile, "_publish", around(DurableFile._publish))
        patch.setattr(leftovers, "filesystem_of", lambda table: Files(filesystem_of(table)))

        def on_commit(_connection: object) -> None:
            deadline.pass_by()

        for engine in engines:
            event.listen(engine, "commit", on_commit)
        try:
            yield deadline
        finally:
            for engine in engines:
                event.remove(engine, "commit", on_commit)


@pytest.mark.slow
def test_wherever_it_was_cut_off_the_next_run_ends_it(
    lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone: set[str] = set()
    lake.commit_days(2)
    kept: list[list[dict[str, Any]]] = []
    places = 0
    with counted(monkeypatch, [lake.services.database.engine, lake.services.catalog.engine]) as end:
        while True:
            mine = [make_received(day, MARK, contributor_id=f"ada {places}") for day in range(2)]
            lake.commit(*mine, make_received(0, "stays"))
            gone |= {each.contribution_id for each in mine}
            kept = lake.rows(without=gone)
            added = [len(rows) for rows in kept]
            lake.services.takedown.service.request(
                "contributor", [f"ada {places}"], reason=None, requested_by="test"
            )
            end.seen, end.last = 0, places
            try:
                lake.services.takedown.service.run()
            except Killed:
                # Whatever it has done: nobody sees what is to go, and nothing else is missing.
                hidden = set(lake.services.access.hidden.ids().to_pylist())
                for rows, left in zip(lake.rows(), kept, strict=True):
                    assert [row for row in rows if row[ID] not in hidden] == left
                end.last = None
                services = Services(settings)
                services.takedown.service.run()
                services.close()
            else:
                break
            finally:
                end.last = None
            assert lake.rows() == kept
            assert [total for _, total in lake.counts()] == added
            assert files_with(settings.home, [MARK]) == {}
            assert lake.services.access.hidden.ids().to_pylist() == []
            assert lake.services.access.takedowns.unfinished() == []
            places += _STRIDE
    # Files, manifests and lists are written, swapped and removed, and the database changes.
    assert places > 20
