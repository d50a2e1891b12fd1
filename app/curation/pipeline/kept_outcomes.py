"""Keeps on disk what was found when texts were compared, so that the next build needn't compare.

The files are derived: a build without them compares all texts again. They have digests and numbers,
and neither ids nor texts of contributions.
"""

import logging
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from app.curation.rules.interface import OUTCOMES_SCHEMA, Outcomes
from catalog.storage.durability import DurableFile

_VERSION: Final = b"chatlake.rules"
_SUFFIX: Final = ".parquet"

log = logging.getLogger(__name__)


class KeptOutcomes:
    """A folder with a file of outcomes for each kind of comparison.

    One build at a time uses it. A build that is killed leaves each file as it was before or after.
    """

    def __init__(self, folder: Path) -> None:
        """Use a folder, which is made when something is written."""
        self._folder = folder

    def read(self, version: str) -> Outcomes:
        """Return the outcomes by rules of a version, without those that can't be read.

        Args:
            version: A text that differs whenever comparisons may find something else.
        """
        found = {}
        for path in self._folder.glob(f"*{_SUFFIX}"):
            try:
                table = pq.read_table(path, memory_map=False)
            except (OSError, pa.ArrowException):
                # Another build can't be worse off than the first.
                log.warning("outcomes of comparisons can't be read: texts are compared again")
                continue
            metadata = table.schema.metadata or {}
            if metadata.get(_VERSION) == version.encode():
                found[path.name.removesuffix(_SUFFIX)] = table.replace_schema_metadata(None)
        return found

    def write(self, version: str, outcomes: Outcomes) -> None:
        """Replace the outcomes.

        Args:
            version: The version of the rules that they are of.
            outcomes: The outcomes.

        Raises:
            OSError: A file can't be written.
        """
        # Of a build that was killed: builds wait for each other.
        for abandoned in self._folder.glob(".*.tmp"):
            abandoned.unlink()
        schema = OUTCOMES_SCHEMA.with_metadata({_VERSION: version.encode()})
        for name, table in outcomes.items():
            with DurableFile(self._folder / f"{name}{_SUFFIX}") as file:
                pq.write_table(table.cast(schema), file, compression="zstd")
