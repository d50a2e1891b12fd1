"""Decoding the lines of an upload: by columns where they are plainly right, else one by one."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.ingest.contract import IgnoredKeys
from app.ingest.decoding.content_hashes import content_hashes
from app.ingest.decoding.contributions import decode
from app.ingest.decoding.senders import INGEST_ID, SUBMITTER_ID, Sender
from app.ingest.decoding.strict_json import JsonLimits
from app.ingest.errors import InvalidSubmission, LimitExceeded, MalformedBody
from app.ingest.journal.idempotency import GUESSED_ID, idempotency_keys, owned_versions
from app.ingest.refusals import Refused, refuse_nothing
from app.ingest.terms import RequiredTerms
from app.ingest.uploads.columns import read_columns, suits_columns
from app.ingest.uploads.lines import Lines
from app.versions.keys import VersionKey
from catalog.columns.arrow import to_arrow
from catalog.errors import LakeError
from catalog.records import Contribution, time_of
from catalog.schema import ARROW_SCHEMA


@dataclass(frozen=True, slots=True)
class DecodedLines:
    """What became of some lines.

    Attributes:
        rows: The contributions of the lines that are right, in the order of the lines, with the
            columns of the raw table.
        keys: Idempotency keys, by the position of the row of each.
        versions: Keys in the index of versions, by the idempotency keys, of those that have one.
        wrong: The number of each other line, with what is wrong with it.
        unowned: Number of the lines that are right and that no contributor can withdraw.
        ignored: The keys of the lines that are right and aren't stored.
        line_bytes: The length of the line of each row, in bytes, once all lines are decoded.
    """

    rows: pa.Table
    keys: dict[int, bytes]
    wrong: list[tuple[int, LakeError]]
    unowned: int
    ignored: Sequence[str]
    line_bytes: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    versions: Mapping[bytes, VersionKey] = field(default_factory=dict)

    def by_contributor(self) -> Iterator[tuple[str | None, int, int]]:
        """Yield each contributor with the number of its lines that are right, and their bytes."""
        sent = pa.table({"id": self.rows["contributor_id"], "bytes": self.line_bytes})
        sums = sent.group_by("id").aggregate([("bytes", "count"), ("bytes", "sum")])
        columns = [sums[name].to_pylist() for name in ("id", "bytes_count", "bytes_sum")]
        yield from zip(*columns, strict=True)


class LineDecoder:
    """Decodes lines; several threads may do so at once."""

    def __init__(
        self,
        limits: JsonLimits,
        terms: RequiredTerms | None = None,
        refused: Callable[[], Refused] = refuse_nothing,
    ) -> None:
        """Decode submissions.

        Args:
            limits: How large the JSON of each may be.
            terms: The terms that each has to state; None if it needn't.
            refused: Returns what is refused now; asked for each chunk of lines.
        """
        self._limits = limits
        self._terms = terms
        self._refused = refused

    def refuses_contents(self) -> bool:
        """Tell whether anything was ever taken down, so that a line may be refused for it."""
        return bool(self._refused().taken_down)

    def decode(self, lines: Lines, contribution_ids: Sequence[str], sender: Sender) -> DecodedLines:
        """Decode lines.

        Args:
            lines: One submission in each.
            contribution_ids: The id that the contribution of each line gets, in increasing order.
            sender: Who sends them.
        """
        ids = np.array(contribution_ids, np.object_)
        are_plain = np.ones(len(lines), np.bool_)
        columns = self._columns(lines)
        if columns is None:
            suits = [suits_columns(line, self._limits) for line in lines]
            are_plain = lines.are_braced & np.array(suits, np.bool_)
            columns = self._columns(lines[are_plain].packed())
        if columns is None or not sender.takes(columns[SUBMITTER_ID]):
            columns = None
            are_plain[:] = False
        refused = self._refused()
        decoded = self._one_by_one(lines[~are_plain], ids[~are_plain], sender, refused)
        if columns is not None:
            numbers = lines.numbers[are_plain].tolist()
            decoded = _joined(
                decoded, self._by_columns(columns, numbers, ids[are_plain], sender, refused)
            )
        keys = idempotency_keys(decoded.rows)
        are_right = ~np.isin(lines.numbers, [number for number, _ in decoded.wrong])
        return replace(
            decoded,
            rows=decoded.rows.drop(GUESSED_ID),
            keys=keys,
            versions=owned_versions(decoded.rows, keys),
            line_bytes=(lines.ends - lines.starts)[are_right],
        )

    def _columns(self, lines: Lines) -> pa.Table | None:
        """Return the fields of submissions; None if at least one is to be judged by itself."""
        columns = read_columns(lines, self._limits)
        if columns is None or self._terms is None or self._terms.are_stated(columns):
            return columns
        return None

    def _one_by_one(
        self, lines: Lines, contribution_ids: Iterable[str], sender: Sender, refused: Refused
    ) -> DecodedLines:
        """Decode each line by itself, without the keys, and with `GUESSED_ID`."""
        contributions: list[Contribution] = []
        guessed_ids: list[str | None] = []
        unowned = 0
        wrong: list[tuple[int, LakeError]] = []
        ignored = IgnoredKeys()
        for number, line, new_id in zip(
            lines.numbers.tolist(), lines, contribution_ids, strict=True
        ):
            try:
                decoded = decode(line, self._limits, new_id, sender)
                if self._terms is not None:
                    self._terms.check(decoded.contribution.terms_version)
                reason = refused.reason(decoded.contribution)
            except (MalformedBody, LimitExceeded, InvalidSubmission) as error:
                reason = error
            if reason is not None:
                wrong.append((number, reason))
            else:
                contributions.append(decoded.contribution)
                guessed_ids.append(decoded.guessed_id)
                unowned += not decoded.is_owned
                if decoded.ignored:
                    ignored.add(decoded.ignored)
        rows = to_arrow(contributions).append_column(
            GUESSED_ID, pa.array(guessed_ids, pa.large_string())
        )
        return DecodedLines(rows, {}, wrong, unowned, ignored.paths)

    def _by_columns(
        self,
        columns: pa.Table,
        numbers: Sequence[int],
        contribution_ids: Iterable[str],
        sender: Sender,
        refused: Refused,
    ) -> DecodedLines:
        """Return what `_one_by_one` does, for lines that were read as columns.

        Args:
            columns: The fields that their clients decide.
            numbers: The numbers of the lines.
            contribution_ids: Their ids.
            sender: Who sends them.
            refused: What is refused.
        """
        ids = pa.array(list(contribution_ids), pa.large_string())
        arrays = {name: columns[name].combine_chunks() for name in columns.column_names}
        identities = sender.identify_all(arrays[SUBMITTER_ID], arrays[INGEST_ID], ids)
        arrays["contribution_id"] = ids
        arrays["contributor_id"] = identities.contributor_ids
        arrays["conversation_id"] = identities.conversation_ids
        arrays["attribution"] = pc.coalesce(arrays["attribution"], arrays["network_attribution"])
        arrays["received_at"] = _times_of(ids)
        arrays["conversation"] = _as_stored(arrays["conversation"], _CONVERSATION_TYPE)
        arrays["content_hash"] = content_hashes(arrays["conversation"])
        stored = _all_as_stored(arrays, ARROW_SCHEMA, len(columns))
        rows = pa.Table.from_arrays(stored, schema=ARROW_SCHEMA)
        rows = rows.append_column(GUESSED_ID, identities.guessed_ids)
        are_unowned = identities.are_unowned
        reasons = refused.reasons(rows)
        if reasons:
            is_kept = np.ones(len(rows), np.bool_)
            is_kept[list(reasons)] = False
            kept = pa.array(is_kept)
            rows, are_unowned = rows.filter(kept), are_unowned.filter(kept)
        wrong = [(numbers[place], reason) for place, reason in reasons.items()]
        return DecodedLines(rows, {}, wrong, are_unowned.true_count, ())


def _joined(one: DecodedLines, other: DecodedLines) -> DecodedLines:
    """Return what became of two parts of the same lines, in the order of the lines."""
    rows = pa.concat_tables([one.rows, other.rows])
    if len(one.rows) and len(other.rows):
        rows = rows.sort_by("contribution_id")
    return DecodedLines(
        rows,
        {},
        sorted(one.wrong + other.wrong, key=itemgetter(0)),
        one.unowned + other.unowned,
        one.ignored,
    )


def _times_of(ids: pa.LargeStringArray) -> pa.Array:
    # Ids of one millisecond have the same beginning.
    times = pc.utf8_slice_codeunits(ids, 0, 13).dictionary_encode()
    values = pa.array([time_of(value) for value in times.dictionary.to_pylist()], _TIME_TYPE)
    return values.take(times.indices)


def _as_stored(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return a column with the type that the raw table has for it, inside of lists, too."""
    if column.type == kind:
        return column
    if column.null_count == len(column):
        return pa.nulls(len(column), kind)
    mask = column.is_null() if column.null_count else None
    if pa.types.is_struct(kind):
        given = {field.name: column.field(field.name) for field in column.type}
        leaves = _all_as_stored(given, kind, len(column))
        return pa.StructArray.from_arrays(leaves, fields=list(kind), mask=mask)
    offsets = column.offsets.cast(pa.int64())
    items = _as_stored(column.values, kind.value_type)
    return pa.LargeListArray.from_arrays(offsets, items, type=kind, mask=mask)


def _all_as_stored(
    columns: Mapping[str, pa.Array], fields: Iterable[pa.Field], rows: int
) -> list[pa.Array]:
    """Return the columns of some fields; those that no line has are null."""
    return [
        _as_stored(columns[field.name], field.type)
        if field.name in columns
        else pa.nulls(rows, field.type)
        for field in fields
    ]


_TIME_TYPE: Final = ARROW_SCHEMA.field("received_at").type
_CONVERSATION_TYPE: Final = ARROW_SCHEMA.field("conversation").type
