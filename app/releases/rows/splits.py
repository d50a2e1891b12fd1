"""The splits `train` and `test`, which follow from the first prompts alone.

A row is in `test` when the first four bytes of the SHA-256 of its normalised first prompt, as a
big-endian number, modulo 100, are below the release's `test_percent`; else it is in `train`. Except
in raw releases, a prompt that is a near duplicate of an earlier one goes by that one. So rows with
the same first prompt are in the same split, whoever contributed them, in every release with the
same `test_percent`. A larger test split contains every smaller one, and anyone can compute the
split of a row.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa

from app.curation.rules.cleaning.roles import role_of
from app.curation.rules.curating.prompts import prompt_hash
from catalog.stages.tables import PROMPT_GROUP

Split = Literal["train", "test"]
SPLITS: Final[tuple[Split, ...]] = ("train", "test")

_HUNDRED: Final = np.uint64(100)
_FIRST_FOUR_BYTES: Final = np.uint64(32)
"""Number of bits after the first four bytes of a hash."""


def divide(
    batch: pa.RecordBatch, prompts: Iterable[int], test_percent: int
) -> dict[Split, pa.RecordBatch]:
    """Return the rows of each split, in their order.

    Args:
        batch: Any rows.
        prompts: The hash of each row's prompt, as `split_prompts` yields it.
        test_percent: Percentage of the prompts that are in `test`.
    """
    hashes = np.fromiter(prompts, np.int64, batch.num_rows).view(np.uint64)
    is_test = (hashes >> _FIRST_FOUR_BYTES) % _HUNDRED < test_percent
    return {"train": batch.filter(pa.array(~is_test)), "test": batch.filter(pa.array(is_test))}


def split_prompts(rows: pa.RecordBatch, messages: str) -> Iterator[int]:
    """Yield the hash of the prompt that puts each row into a split.

    Args:
        rows: Rows of a release; all but raw ones may have the column `prompt_group`.
        messages: The column with messages or turns.
    """
    has_groups = PROMPT_GROUP in rows.schema.names
    groups = rows[PROMPT_GROUP].to_pylist() if has_groups else repeat(None, rows.num_rows)
    for said, group in zip(rows[messages].to_pylist(), groups, strict=True):
        yield prompt_hash(first_prompt(said)) if group is None else group


def first_prompt(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return what the user says first; without a user, what is said first at all.

    Args:
        messages: Messages or turns with `role` and `content`, in order.
    """
    of_user = [said["content"] for said in messages if role_of(said["role"]) == "user"]
    said = of_user or [said["content"] for said in messages]
    return (said[0] if said else None) or ""
