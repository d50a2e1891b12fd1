"""Examples of contributions that the stage `curated` left out, for the card of a release.

They are taken from the cleaned texts, and only from those in which nothing was masked. What is
hidden or superseded is in no cleaned text. What is contaminated isn't shown.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.table import Table

from app.curation.rules.reasons import CONTAMINATED
from app.releases.credits import readable
from catalog.schema import CONVERSATION, ID
from catalog.stages.reader import stage_rows
from catalog.stages.tables import COMPUTED_STAGES

_TRIED: Final = 16
"""Number of contributions of a reason of which the first one without a mask is the example."""
_COLUMNS: Final = (ID, CONVERSATION, "masked")


@dataclass(frozen=True, slots=True)
class Example:
    """A contribution that was left out.

    Attributes:
        contribution_id: The id of the contribution.
        beginning: The beginning of its text, in one line.
    """

    contribution_id: str
    beginning: str


def find_examples(tables: Iterable[tuple[Table, int]]) -> dict[str, Example]:
    """Return the first left-out contribution that may be shown, by reason.

    Args:
        tables: The tables that a release is built from, each with the id of a live snapshot. There
            are no examples unless they are those of `curated`.
    """
    snapshots = {".".join(table.name()): (table, id_) for table, id_ in tables}
    dropped, cleaned = (
        snapshots.get(name)
        for name in (COMPUTED_STAGES["curated"].dropped, COMPUTED_STAGES["cleaned"].rows)
    )
    if dropped is None or cleaned is None:
        return {}
    ids = _first_ids(stage_rows(*dropped, [ID, "reason"]))
    wanted = [name for names in ids.values() for name in names]
    texts = {
        row[ID]: Example(row[ID], _beginning(row))
        for batch in stage_rows(*cleaned, _COLUMNS, wanted)
        for row in batch.to_pylist()
        if not any(row["masked"].values())
    }
    found = {
        reason: [texts[name] for name in names if name in texts] for reason, names in ids.items()
    }
    return {reason: shown[0] for reason, shown in found.items() if shown}


def _first_ids(dropped: Iterable[pa.RecordBatch]) -> Mapping[str, list[str]]:
    """Return the first ids of each reason, in the order of receipt."""
    ids: defaultdict[str, list[str]] = defaultdict(list)
    for batch in dropped:
        for reason in set(batch["reason"].unique().to_pylist()) - {CONTAMINATED}:
            missing = _TRIED - len(ids[reason])
            of_reason = batch[ID].filter(pc.equal(batch["reason"], reason))
            ids[reason] += of_reason.slice(0, missing).to_pylist()
    return ids


def _beginning(row: Mapping[str, Any]) -> str:
    """Return the beginning of a conversation in one line, with what shows of it."""
    return readable(" ".join(f"{turn['role']}: {turn['content']}" for turn in row[CONVERSATION]))
