"""What tells which versions were replaced: the index of versions, and the table `replaced`."""

from collections.abc import Iterable, Iterator
from typing import Final

from pyiceberg.expressions import In

from app.access.takedowns.contributions import TakenDownContributions
from app.background.election import COMMITTER_LOCK, is_led
from app.doctor.examined_lake import ExaminedLake
from app.doctor.finding import Finding, Severity
from app.state import ledger
from app.state.scratch import ScratchDatabase
from app.versions.comparing import Place, compare, lacking, some_versions
from app.versions.index import VersionIndex
from app.versions.recording import VERSION_COLUMNS, adds_nothing_between, index_rows
from catalog.reading.plans import plan
from catalog.reading.scan import read
from catalog.replaced import (
    REPLACED_IDENTIFIER,
    read_replaced,
    replaced_files,
    replaced_until,
)
from catalog.schema import ID, TABLE_NAME
from catalog.snapshots import live_snapshots, newest_number, to_snapshot
from catalog.table import load_table
from catalog.wording import counted

_MEMORY_MIB: Final = 512
_FILES: Final = 4
"""Data files of which a sample is taken."""
_IDS: Final = 16
"""Rows of a sample that are looked for in the raw table, which may open as many files."""
_REBUILD: Final = "scripts/lake versions rebuild"
_MENDS: Final = {"versions": _REBUILD, "replaced": f"{_REBUILD} --replaced"}
"""What mends each of the two, by the name of the check."""
_RECORD: Final = "start the server, or run scripts/lake migrate: it records what is missing"


def check_versions(lake: ExaminedLake) -> Iterator[Finding]:
    """Compare the index of versions with the raw table: a sample, or all of both."""
    if lake.lacks_derived("versions"):
        # The check of the databases reports the lost index.
        return
    index = VersionIndex(lake.database)
    try:
        yield from _behind(lake, index)
        yield from _differences(lake, "index") if lake.is_deep else _sampled(lake, index)
    finally:
        index.dispose()


def check_replaced(lake: ExaminedLake) -> Iterator[Finding]:
    """Compare the table `replaced` with the raw table: a sample, or all of both."""
    table = load_table(lake.catalog, REPLACED_IDENTIFIER)
    until, newest = replaced_until(table), newest_number(load_table(lake.catalog))
    if until > newest:
        yield _finding(
            "replaced",
            f"the table replaced has all rows up to the commit {until}, as it says, and "
            f"{TABLE_NAME} ends at {newest}",
        )
    if lake.is_deep and not lake.lacks_derived("versions"):
        yield from _differences(lake, "replaced")
        return
    files = {file.path: file for file in replaced_files(table)}
    for path in lake.sample(files, _FILES):
        try:
            ids = read_replaced(table, files[path], [ID])[ID].to_pylist()
        except FileNotFoundError:
            # The check of the files reports the lost file.
            continue
        if absent := _not_there(lake, lake.sample(ids, _IDS)):
            yield _finding(
                "replaced", f"{path} names contributions that aren't there, such as {absent[0]}"
            )


def _behind(lake: ExaminedLake, index: VersionIndex) -> Iterator[Finding]:
    """Compare the watermark with the ledger, whose snapshots are read, and with the table."""
    claimed, known = lake.claimed_batch(), index.watermark()
    with lake.database.read() as connection:
        recorded = ledger.newest(connection)
    table = load_table(lake.catalog)
    newest = newest_number(table)
    number = recorded.sequence_number if recorded else 0
    if known > newest:
        yield _finding(
            "versions",
            f"the index of versions goes up to the commit {known}, and {TABLE_NAME} ends at "
            f"{newest}: it is of another lake, or the lake is older than the index",
        )
    elif not adds_nothing_between(table, known, number + 1):
        yield _finding(
            "versions",
            f"the index of versions ends at the commit {known}, and readers see the commit "
            f"{number}",
            mend=_RECORD,
        )
    else:
        # The next committer records what is claimed with the batch.
        last = max(
            (each.sequence_number for each in live_snapshots(table) if each.batch_id != claimed),
            default=0,
        )
        is_behind = not adds_nothing_between(table, known, last + 1)
        if is_behind and not is_led(lake.database.lock(COMMITTER_LOCK)):
            yield _finding(
                "versions",
                f"the index of versions ends at the commit {known} though {TABLE_NAME} has the "
                f"commit {last}, and no committer runs",
                severity="warning",
                mend=_RECORD,
            )


def _sampled(lake: ExaminedLake, index: VersionIndex) -> Iterator[Finding]:
    """Look for versions of some data files in the index, and for some of the index in the table."""
    known = index.watermark()
    some = some_versions(index, lake.seed, _IDS)
    table = load_table(lake.catalog)
    newest = table.current_snapshot()
    files = {file.path: file for file in plan(table, to_snapshot(newest))} if newest else {}
    for path in lake.sample(files, _FILES):
        try:
            rows = [
                row
                for batch in read(table, [files[path]], VERSION_COLUMNS)
                for row in index_rows(batch, 0)
                if row[-1] <= known
            ]
        except FileNotFoundError:
            continue
        if absent := lacking(index, rows):
            yield _finding(
                "versions",
                f"the index of versions lacks {counted(len(absent), 'version')} of {path}, such as "
                f"{absent[0]}",
            )
    ids = [contribution_id for contribution_id, number in some if number <= known]
    if absent := _not_there(lake, ids):
        yield _finding(
            "versions",
            f"the index of versions has versions that aren't there, such as {absent[0]}",
        )


def _not_there(lake: ExaminedLake, ids: Iterable[str]) -> list[str]:
    """Return those of some contributions that neither the table nor the takedowns know."""
    wanted = set(ids)
    table = load_table(lake.catalog)
    newest = table.current_snapshot()
    if newest is None or not wanted:
        return sorted(wanted)
    condition = In(ID, wanted)
    files = plan(table, to_snapshot(newest), condition)
    there = {
        each for batch in read(table, files, [ID], condition) for each in batch[ID].to_pylist()
    }
    return sorted(wanted - there - TakenDownContributions(lake.database).among(wanted - there))


def _differences(lake: ExaminedLake, place: Place) -> Iterator[Finding]:
    with lake.database.read() as connection:
        newest = ledger.newest(connection)
    index = VersionIndex(lake.database)
    try:
        found = compare(
            index,
            lambda: lake.catalog,
            TakenDownContributions(lake.database),
            ScratchDatabase(_MEMORY_MIB).connection,
            newest.sequence_number if newest else 0,
        )
    finally:
        index.dispose()
    for each in found:
        if each.place == place:
            check, name = _PLACES[place]
            number = counted(each.contributions, "contribution")
            what = f"{name} {each.kind} {number}, such as {each.example}"
            yield _finding(check, what)


_PLACES: Final[dict[Place, tuple[str, str]]] = {
    "index": ("versions", "the index of versions"),
    "replaced": ("replaced", "the table replaced"),
}
"""The check of each place, and what the place is called."""


def _finding(
    check: str, what: str, *, severity: Severity = "error", mend: str | None = None
) -> Finding:
    return Finding(check=check, severity=severity, what=what, mend=mend or _MENDS[check])
