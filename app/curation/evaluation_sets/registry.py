"""The registry of evaluation sets: those that are shipped, and those that the operator adds.

The operator's are in the relational database, texts and all, so every node has the same ones.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import delete, func, insert, select

from app.curation.errors import (
    EvaluationSetIsShipped,
    EvaluationSetsFull,
    EvaluationSetTaken,
    NoSuchEvaluationSet,
)
from app.curation.evaluation_sets.items import checksum_of, decode_items, encode_items
from app.curation.evaluation_sets.shipped import shipped_sets
from app.curation.rules.curating.contamination import EvaluationItem
from app.curation.rules.interface import EvaluationSet
from app.state.db import Database
from app.state.models import EvaluationSetRecord
from app.state.published_folder import NameRule

NAMES: Final = NameRule(max_characters=100)
MAX_BYTES: Final = 32 * 1024 * 1024
"""Size of the added sets together. A build takes about 26 times as much memory when it begins, and
each of its processes about three times as much afterwards."""


class EvaluationSets:
    """The evaluation sets that curated rows must not overlap with."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """Keep sets in a database.

        Args:
            database: Keeps the sets that the operator adds.
            clock: Tells the time.
            max_bytes: Size of the added sets together.
        """
        self._database = database
        self._clock = clock
        self._max_bytes = max_bytes

    def add(
        self, name: str, version: str, licence: str, items: Sequence[EvaluationItem]
    ) -> EvaluationSet:
        """Add a set.

        Args:
            name: Name of the set.
            version: Version of the set.
            licence: SPDX id of its licence.
            items: The prompts and answers of the set, at least one.

        Raises:
            NameInvalid: A set can't have this name.
            EvaluationSetTaken: A set has this name.
            EvaluationSetsFull: All sets together would be too large.
        """
        NAMES.check(name)
        content = encode_items(items)
        added = EvaluationSet(
            name=name,
            version=version,
            licence=licence,
            sha256=checksum_of(content),
            items=len(items),
        )
        row = asdict(added) | {
            "content": zlib.compress(content),
            "content_bytes": len(content),
            "added_at": self._clock(),
        }
        with self._database.write() as connection:
            taken = connection.scalars(select(EvaluationSetRecord.name)).all()
            if name in {*taken, *(shipped.name for shipped in shipped_sets())}:
                raise EvaluationSetTaken(name)
            held = connection.scalar(select(func.sum(EvaluationSetRecord.content_bytes))) or 0
            if held + len(content) > self._max_bytes:
                raise EvaluationSetsFull(self._max_bytes)
            connection.execute(insert(EvaluationSetRecord), row)
        return added

    def remove(self, name: str) -> None:
        """Remove a set that the operator added.

        Raises:
            EvaluationSetIsShipped: The set is shipped with the service.
            NoSuchEvaluationSet: No set has this name.
        """
        if any(shipped.name == name for shipped in shipped_sets()):
            raise EvaluationSetIsShipped(name)
        with self._database.write() as connection:
            of_name = EvaluationSetRecord.name == name
            if not connection.execute(delete(EvaluationSetRecord).where(of_name)).rowcount:
                raise NoSuchEvaluationSet(name)

    def load(self) -> dict[EvaluationSet, list[EvaluationItem]]:
        """Return all sets and their items, in the order of their names."""
        query = select(EvaluationSetRecord.__table__)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        added = {
            EvaluationSet(
                name=row["name"],
                version=row["version"],
                licence=row["licence"],
                sha256=row["sha256"],
                items=row["items"],
            ): decode_items(zlib.decompress(row["content"]))
            for row in rows
        }
        sets = shipped_sets() | added
        return {known: sets[known] for known in sorted(sets, key=lambda known: known.name)}
