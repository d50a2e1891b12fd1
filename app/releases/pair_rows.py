"""The rows of releases of preferences: pairs of answers, or single answers that were judged.

The columns are those that TRL's trainers read, with messages as values:
https://huggingface.co/docs/trl/dataset_formats. `preference` is for DPO: `prompt`, `chosen`,
`rejected`. `unpaired` is for KTO: `prompt`, `completion`, `label`.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.schema import Schema
from pyiceberg.types import BooleanType, NestedField, StringType

from app.releases.filters import has_elements, in_any_turn
from app.releases.messages import shifted
from app.releases.optional_fields import arrow_schema
from app.releases.preferences import (
    Dialogue,
    Judgement,
    Pair,
    dialogue_of,
    judgements_of,
    pairs_of,
)
from app.releases.recipe import PairForm
from app.releases.rows import published_schema, to_published
from catalog.stages import ComputedStage

_KEPT: Final = ("contribution_id", "received_at", "source", "agent_id", "language", "content_hash")
_KEPT_IF_FILLED: Final = ("licence", "tools")
_LABEL: Final = NestedField(401, "label", BooleanType(), required=True, doc="Whether it is good")
_SOURCE: Final = NestedField(
    402, "preference_source", StringType(), required=True, doc="How the preference is known"
)
MAX_BYTES_OF_CONVERSATION: Final = 32 * 1024 * 1024
"""Bytes of the rows that are taken from one conversation, since each repeats its prompt."""
_CONVERSATIONS_AT_ONCE: Final = 8
"""Number of conversations whose rows are in memory together."""
_FIRST_ID: Final = 10_000
_NEXT_ID: Final = 10_000
"""Distance of the ids in one list of messages from those in the next one."""


@dataclass(frozen=True, slots=True)
class _PairForm:
    """How a release of preferences is made.

    Attributes:
        find: Returns what a conversation tells.
        messages: The columns with messages.
        others: The columns without messages, such as the source of a preference.
    """

    find: Callable[[Dialogue], list[Pair] | list[Judgement]]
    messages: Mapping[str, str]
    others: tuple[NestedField, ...] = ()


_FORMS: Final[Mapping[PairForm, _PairForm]] = {
    "preference": _PairForm(
        pairs_of,
        {
            "prompt": "What is answered",
            "chosen": "The better answer",
            "rejected": "The worse answer",
        },
    ),
    "unpaired": _PairForm(
        judgements_of, {"prompt": "What is answered", "completion": "The answer"}, (_LABEL,)
    ),
}


class PairRows:
    """Makes the rows of a release of preferences.

    Attributes:
        schema: Iceberg schema of the rows.
        sources: Number of rows by what the preference is known from.
    """

    def __init__(self, form: PairForm, stage: ComputedStage, table: Schema) -> None:
        """Begin without rows.

        Args:
            form: The form of the release.
            stage: The stage that is released.
            table: The schema of the stage's rows.
        """
        self._form = _FORMS[form]
        self._conversations = published_schema(stage, table)
        self.schema = self._make_schema()
        self.sources: Counter[str] = Counter()
        # A digest takes some 100 bytes of memory. Cleaned stages hold the same answer repeatedly.
        self._seen: set[bytes] = set()

    def convert(self, batch: pa.RecordBatch) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
        """Yield rows that a batch of a stage gives, each time with the rows that they come from."""
        judged = batch.filter(_is_judged(batch))
        for start in range(0, judged.num_rows, _CONVERSATIONS_AT_ONCE):
            part = judged.slice(start, _CONVERSATIONS_AT_ONCE)
            conversations = to_published(part, arrow_schema(self._conversations)).to_pylist()
            found = [list(self._rows_of(conversation)) for conversation in conversations]
            rows = [row for rows in found for row in rows]
            made = pa.RecordBatch.from_pylist(rows, arrow_schema(self.schema))
            yield made, part.filter(pa.array([bool(rows) for rows in found], pa.bool_()))

    @staticmethod
    def split_keys(rows: pa.RecordBatch) -> list[str]:
        """Return for each row the text by which it is put into a split: that of its first question.

        It is the first message of the user in the prompt, or the first message where there is none.
        So answers to the same question are in the same split, whoever contributed them.
        """
        return [
            next(
                (said["content"] for said in prompt if said["role"] == "user"), prompt[0]["content"]
            )
            for prompt in rows["prompt"].to_pylist()
        ]

    def _rows_of(self, conversation: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        kept = {name: conversation.get(name) for name in (*_KEPT, *_KEPT_IF_FILLED)}
        names = (*self._form.messages, *(field.name for field in self._form.others))
        size_bytes = 0
        for found in self._form.find(dialogue_of(conversation)):
            told = {name: getattr(found, name) for name in names}
            written = msgspec.json.encode(told)
            size_bytes += len(written)
            if size_bytes > MAX_BYTES_OF_CONVERSATION:
                return
            digest = hashlib.sha256(written).digest()
            if digest not in self._seen:
                self._seen.add(digest)
                self.sources[found.source] += 1
                yield {**kept, **told, _SOURCE.name: found.source}

    def _make_schema(self) -> Schema:
        columns = {field.name: field for field in self._conversations.fields}
        messages = columns["messages"]
        lists = [
            NestedField(
                _FIRST_ID + number,
                name,
                shifted(messages.field_type, _FIRST_ID + number * _NEXT_ID),
                required=True,
                doc=doc,
            )
            for number, (name, doc) in enumerate(self._form.messages.items())
        ]
        first, last = _KEPT[:4], _KEPT[4:]
        return Schema(
            *(columns[name] for name in first),
            *lists,
            *self._form.others,
            _SOURCE,
            *(columns[name] for name in last),
            *(columns[name] for name in _KEPT_IF_FILLED if name in columns),
        )


def _is_judged(batch: pa.RecordBatch) -> pa.Array:
    """Tell for each conversation whether a turn of it was judged or has an alternative."""
    return reduce(
        pc.or_,
        [
            in_any_turn(batch, "rating", pc.is_valid),
            in_any_turn(batch, "edited_content", pc.is_valid),
            in_any_turn(batch, "alternatives", has_elements),
        ],
    )
