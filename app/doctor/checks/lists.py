"""What is hidden and what is taken down: whether the lists agree with each other and the tables."""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Select, func, select

from app.access.takedowns.contributions import TakenDownContributions
from app.access.takedowns.register import Takedowns
from app.access.visibility.hidden import HiddenContributions
from app.doctor.examined_lake import ExaminedLake
from app.doctor.finding import Finding
from app.state.models import (
    BannedContribution,
    HiddenContribution,
    QuarantinedVersion,
    TakedownRecord,
    TakenDownContribution,
)
from catalog.manifests.entries import newest_entries
from catalog.reading.fragments import PARQUET
from catalog.schema import ID
from catalog.wording import counted

_RUN: Final = "scripts/lake takedown run"


def check_hidden(lake: ExaminedLake) -> Iterator[Finding]:
    """Find what should be hidden and isn't, and what is hidden for no reason that is left."""
    for cause, named in _NAMED.items():
        hidden = (
            select(HiddenContribution.contribution_id)
            .where(HiddenContribution.cause == cause)
            .subquery()
        )
        wanted = named.subquery()
        column = wanted.c[0]
        seen = select(func.count()).select_from(
            wanted.outerjoin(hidden, hidden.c.contribution_id == column)
        )
        causeless = select(func.count()).select_from(
            hidden.outerjoin(wanted, column == hidden.c.contribution_id)
        )
        with lake.database.read() as connection:
            shown = connection.scalar(seen.where(hidden.c.contribution_id.is_(None)))
            left = connection.scalar(causeless.where(column.is_(None)))
        if shown:
            yield Finding(
                check="hidden",
                severity="error",
                what=f"readers see {counted(shown, 'contribution')} to be hidden ({cause})",
                mend=_MENDS[cause],
            )
        if left:
            yield Finding(
                check="hidden",
                severity="warning",
                what=f"nothing says why {counted(left, 'contribution')} should be hidden ({cause})",
                mend="delete the rows of hidden_contributions for those that are to be seen again",
            )


def check_takedowns(lake: ExaminedLake) -> Iterator[Finding]:
    """Find takedowns that don't end, and, when examined deeply, rows that were erased."""
    takedowns = Takedowns(lake.database, HiddenContributions(lake.database), lambda: lake.now)
    if takedowns.is_late():
        yield Finding(
            check="takedowns",
            severity="error",
            what="a takedown has waited for too long to be erased",
            mend=f"{_RUN}, where no service runs; its log says why it fails",
        )
    if not lake.is_deep:
        return
    taken_down = TakenDownContributions(lake.database)
    erased = set(taken_down.ids().to_pylist())
    erased -= set(taken_down.unfinished_ids().to_pylist())
    if not erased:
        return
    for table in lake.tables():
        for entry in newest_entries(table):
            path = entry.data_file.file_path
            with table.io.new_input(path).open() as source:
                ids = PARQUET.make_fragment(source).to_table(columns=[ID])[ID].to_pylist()
            left = erased.intersection(ids)
            if left:
                yield Finding(
                    check="takedowns",
                    severity="error",
                    what=f"{path} holds {counted(len(left), 'erased contribution')}, such as "
                    f"{min(left)}",
                    mend=f"set takedowns.erased_at to NULL, then {_RUN}",
                )


def _unfinished() -> Select[str]:
    return (
        select(TakenDownContribution.contribution_id)
        .join(TakedownRecord, TakedownRecord.takedown_id == TakenDownContribution.takedown_id)
        .where(TakedownRecord.erased_at.is_(None))
    )


_NAMED: Final = {
    "takedown": _unfinished(),
    "quarantine": select(QuarantinedVersion.version_id).distinct(),
    "ban": select(BannedContribution.contribution_id),
}
"""The ids that are to be hidden, by the cause."""
_MENDS: Final = {
    "takedown": _RUN,
    "quarantine": "scripts/lake moderation quarantine ID",
    "ban": "scripts/lake ban contributor ID, again",
}
