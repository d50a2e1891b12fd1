"""Decoding the lines of an upload: by columns where they are plainly right, else one by one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from app.ingest.columns import read_columns
from app.ingest.content_hashes import ContentHasher
from app.ingest.decode import decode
from app.ingest.errors import InvalidSubmission, LimitExceeded, MalformedBody
from app.ingest.idempotency import idempotency_keys
from app.ingest.lines import Lines
from app.ingest.strict_json import JsonLimits
from catalog.arrow import to_arrow
from catalog.errors import LakeError
from catalog.records import Contribution, time_of
from catalog.schema import ARROW_SCHEMA

_FEWEST_LINES: Final = 64
"""Lines for which columns aren't worth their overhead: fewer are read one by one at once."""


@dataclass(frozen=True, slots=True)
class DecodedLines:
    """What became of some lines.

    Attributes:
        rows: The contributions of the lines that are right, in the order of the lines, with the
            columns of the raw table.
        keys: Idempotency keys, by the position of the row of each.
        wrong: The number of each other line, with what is wrong with it.
    """

    rows: pa.Table
    keys: dict[int, bytes]
    wrong: list[tuple[int, LakeError]]


class LineDecoder:
    """Decodes lines; several threads may do so at once."""

    def __init__(self, limits: JsonLimits) -> None:
        """Decode submissions that are within limits."""
        self._limits = limits
        self._hasher = ContentHasher()

    def decode(self, lines: Lines, contribution_ids: Sequence[str]) -> DecodedLines:
        """Decode lines.

        Args:
            lines: One submission in each.
            contribution_ids: The id that the contribution of each line gets, in increasing order.
        """
        ids = pa.array(contribution_ids, pa.large_string())
        columns: list[pa.Table] = []
        contributions: list[Contribution] = []
        wrong: list[tuple[int, LakeError]] = []
        for run, table in self._runs(lines, 0, len(lines)):
            if table is not None:
                columns.append(table.append_column("contribution_id", ids[run]))
                continue
            for line, number, new_id in zip(
                lines[run], lines[run].numbers.tolist(), contribution_ids[run], strict=True
            ):
                outcome = _decode_or_explain(line, self._limits, new_id)
                if isinstance(outcome, Contribution):
                    contributions.append(outcome)
                else:
                    wrong.append((number, outcome))
        rows = to_arrow(contributions)
        if columns:
            rows = pa.concat_tables([rows, self._rows(pa.concat_tables(columns))])
        if columns and contributions:
            rows = rows.sort_by("contribution_id")
        return DecodedLines(rows, idempotency_keys(rows), wrong)

    def _runs(self, lines: Lines, start: int, stop: int) -> Iterator[tuple[slice, pa.Table | None]]:
        """Yield runs of lines that have columns, and shorter ones that don't."""
        run = slice(start, stop)
        columns = read_columns(lines[run], self._limits) if stop > start else None
        if columns is not None or stop - start < _FEWEST_LINES:
            yield run, columns
            return
        middle = (start + stop) // 2
        yield from self._runs(lines, start, middle)
        yield from self._runs(lines, middle, stop)

    def _rows(self, columns: pa.Table) -> pa.Table:
        """Return contributions, given their ids and the fields that their clients decide."""
        arrays = {name: columns[name].combine_chunks() for name in columns.column_names}
        ids, conversations = arrays["contribution_id"], arrays["conversation"]
        arrays["ingest_id"] = pc.coalesce(arrays["ingest_id"], ids)
        arrays["attribution"] = pc.coalesce(arrays["attribution"], arrays["network_attribution"])
        arrays["received_at"] = _times_of(ids)
        arrays["content_hash"] = self._hasher.hash(conversations)
        arrays["sequence_number"] = pa.nulls(len(columns), pa.int64())
        arrays["conversation"] = _as_stored(conversations)
        return pa.Table.from_arrays(
            [arrays[name] for name in ARROW_SCHEMA.names], schema=ARROW_SCHEMA
        )


def _times_of(ids: pa.LargeStringArray) -> pa.Array:
    # Ids of one millisecond have the same beginning.
    times = pc.utf8_slice_codeunits(ids, 0, 13).dictionary_encode()
    values = pa.array([time_of(value) for value in times.dictionary.to_pylist()], _TIME_TYPE)
    return values.take(times.indices)


def _as_stored(conversations: pa.ListArray) -> pa.Array:
    """Return conversations with the type that the raw table has for them."""
    turns = conversations.values
    fields = list(_CONVERSATION_TYPE.value_type)
    structs = pa.StructArray.from_arrays([turns.field(f.name) for f in fields], fields=fields)
    return pa.LargeListArray.from_arrays(
        conversations.offsets.cast(pa.int64()), structs, type=_CONVERSATION_TYPE
    )


def _decode_or_explain(
    text: bytes, limits: JsonLimits, contribution_id: str
) -> Contribution | LakeError:
    try:
        return decode(text, limits, contribution_id)
    except (MalformedBody, LimitExceeded, InvalidSubmission) as error:
        return error


_TIME_TYPE: Final = ARROW_SCHEMA.field("received_at").type
_CONVERSATION_TYPE: Final = ARROW_SCHEMA.field("conversation").type
