"""The rows of releases of preferences: pairs of answers, or single answers that were judged.

The columns are those that TRL's trainers read, with messages as values:
https://huggingface.co/docs/trl/dataset_formats. `preference` is for DPO: `prompt`, `chosen`,
`rejected`. `unpaired` is for KTO: `prompt`, `completion`, `label`.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.schema import Schema
from pyiceberg.types import BooleanType, NestedField, StringType

from app.releases.recipe import PairForm
from app.releases.rows.conversations import published_schema, to_published
from app.releases.rows.dialogue import Dialogue, dialogue_of
from app.releases.rows.filters import has_elements, in_any_turn
from app.releases.rows.messages import shifted
from app.releases.rows.optional_fields import arrow_schema
from app.releases.rows.preferences import Judgement, Pair, judgements_of, pairs_of, rated_answers
from app.releases.rows.shared_prompts import SharedPrompts
from app.releases.rows.splits import split_prompts
from catalog.schema import ID
from catalog.stages.tables import PROMPT_GROUP, ComputedStage

_KEPT: Final = ("contribution_id", "received_at", "source", "agent_id", "language", "content_hash")
_KEPT_IF_FILLED: Final = ("licence", "tools", PROMPT_GROUP)
_LABEL: Final = NestedField(401, "label", BooleanType(), required=True, doc="Whether it is good")
PREFERENCE_SOURCE: Final = "preference_source"
_SOURCE: Final = NestedField(
    402, PREFERENCE_SOURCE, StringType(), required=True, doc="How the preference is known"
)
OTHER_ID: Final = "other_contribution_id"
_OTHER: Final = NestedField(
    403, OTHER_ID, StringType(), doc="The contribution of the other answer, if it is another one"
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

    def __init__(
        self, form: PairForm, stage: ComputedStage, table: Schema, shared_prompts: bool = False
    ) -> None:
        """Begin without rows.

        Args:
            form: The form of the release.
            stage: The stage that is released.
            table: The schema of the stage's rows.
            shared_prompts: Whether answers of several conversations to one prompt are paired.
        """
        self._form = _FORMS[form]
        self._shared = SharedPrompts() if shared_prompts else None
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
            rows, contributions = [], [part.slice(0, 0)]
            for place, conversation in enumerate(conversations):
                found, counted = self._found_in(conversation, part.take([place]))
                rows += found
                contributions += counted
            made = pa.RecordBatch.from_pylist(rows, arrow_schema(self.schema))
            yield made, pa.concat_batches(contributions)

    @staticmethod
    def split_prompts(rows: pa.RecordBatch) -> Iterator[int]:
        """Yield the hash of the prompt that puts each row into a split."""
        return split_prompts(rows, "prompt")

    def _found_in(
        self, conversation: Mapping[str, Any], contribution: pa.RecordBatch
    ) -> tuple[list[dict[str, Any]], list[pa.RecordBatch]]:
        """Return the rows that a conversation gives, and the contributions that count by them."""
        dialogue = dialogue_of(conversation)
        rows = list(self._rows_of(conversation, self._form.find(dialogue)))
        counted = [contribution] if rows else []
        if self._shared is None:
            return rows, counted
        terms = (conversation.get("licence"), conversation.get("tools"))
        for judged in rated_answers(dialogue):
            waiting = None if counted else contribution
            own_id = conversation[ID]
            for shared in self._shared.pairs(judged, own_id, terms, waiting):
                other_id = None if shared.other_id == own_id else shared.other_id
                found = list(self._rows_of(conversation, [shared.pair]))
                rows += [{**row, OTHER_ID: other_id} for row in found]
                counted = counted or [contribution]
                counted += [shared.other] if shared.other is not None else []
        return rows, counted

    def _rows_of(
        self, conversation: Mapping[str, Any], finds: Sequence[Pair | Judgement]
    ) -> Iterator[dict[str, Any]]:
        kept = {name: conversation.get(name) for name in (*_KEPT, *_KEPT_IF_FILLED)}
        names = (*self._form.messages, *(field.name for field in self._form.others))
        size_bytes = 0
        for found in finds:
            told = {name: getattr(found, name) for name in names}
            written = msgspec.json.encode(told)
            size_bytes += len(written)
            if size_bytes > MAX_BYTES_OF_CONVERSATION:
                return
            digest = hashlib.sha256(written).digest()
            if digest not in self._seen:
                self._seen.add(digest)
                self.sources[found.source] += 1
                yield {**kept, **told, PREFERENCE_SOURCE: found.source}

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
            *([] if self._shared is None else [_OTHER]),
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
