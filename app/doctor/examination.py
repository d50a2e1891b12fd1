"""Examining a lake by every check."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from time import sleep
from typing import Final

import pyarrow as pa
from sqlalchemy.exc import SQLAlchemyError

from app.doctor.checks import (
    databases,
    derived,
    files,
    hub,
    journal,
    ledger,
    lists,
    machine,
    published,
    stages,
    versions,
)
from app.doctor.examined_lake import ExaminedLake
from app.doctor.finding import Finding
from catalog.errors import LakeError

Check = Callable[[ExaminedLake], Iterator[Finding]]
"""Yields what it finds. It names itself in each finding."""

CHECKS: Final[Mapping[str, Check]] = {
    "databases": databases.check_databases,
    "migrations": databases.check_migrations,
    "files": files.check_files,
    "data": files.check_data,
    "orphans": files.check_orphans,
    "ledger": ledger.check_ledger,
    "counts": ledger.check_counts,
    "versions": versions.check_versions,
    "replaced": versions.check_replaced,
    "summaries": derived.check_summaries,
    "text index": derived.check_text_index,
    "outcomes": derived.check_outcomes,
    "journal": journal.check_entries,
    "claims": journal.check_claims,
    "keys": journal.check_keys,
    "stages": stages.check_stages,
    "releases": published.check_releases,
    "maps": published.check_maps,
    "hub": hub.check_hub,
    "hidden": lists.check_hidden,
    "takedowns": lists.check_takedowns,
    "permissions": machine.check_permissions,
    "space": machine.check_space,
    "clock": machine.check_clock,
    "committer": machine.check_committer,
}
"""The checks by their names. A new kind of state gets its own here."""

_SETTLE_S: Final = 2.0
"""Time in which a commit or a settlement that was under way during a check has ended."""


def examine(lake: ExaminedLake) -> list[Finding]:
    """Run every check, and return what was found.

    What a check finds counts if it finds it again a little later: the lake may be in use, and a
    batch that is being committed is in one place before it is in another.
    """
    first = {name: found for name in CHECKS if (found := _found(name, lake))}
    if not first:
        return []
    sleep(_SETTLE_S)
    later = replace(lake, now=datetime.now(UTC))
    again = {name: _found(name, later) for name in first}
    return [finding for name, found in again.items() for finding in found if finding in first[name]]


def _found(name: str, lake: ExaminedLake) -> list[Finding]:
    try:
        return list(CHECKS[name](lake))
    except (LakeError, OSError, SQLAlchemyError, pa.ArrowException) as error:
        problem = " ".join(str(error).split())
        return [
            Finding(
                check=name,
                severity="error",
                what=f"it couldn't be checked: {type(error).__name__}: {problem}",
                mend="mend what other checks found, then run scripts/lake doctor again",
            )
        ]
