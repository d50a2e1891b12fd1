"""Finding the rows of a published release that hold what is taken down."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from app.releases.files.published_rows import PublishedFile, in_one_format
from app.releases.manifest import Manifest
from app.releases.rows.pairs import OTHER_ID, PREFERENCE_SOURCE
from catalog.reading.membership import NO_IDS, is_among
from catalog.schema import ID

_SHARED_PROMPT: Final = "shared_prompt"
_NO_ROWS: Final = pa.array([], pa.bool_())


@dataclass(frozen=True, slots=True)
class TakenRows:
    """The rows and examples of a release that hold some contributions.

    Attributes:
        ids: Those of the contribution_ids that the release holds, ascending.
        masks: For each split, whether each of its rows is one of these rows.
        examples: The reasons whose example is to go.
    """

    ids: pa.Array
    masks: Mapping[str, pa.Array]
    examples: frozenset[str]

    @property
    def rows(self) -> int:
        """Number of these rows."""
        return sum(mask.true_count for mask in self.masks.values())

    def of_files(self, files: Sequence[PublishedFile]) -> list[tuple[PublishedFile, pa.Array]]:
        """Return each of the files of a release with the mask of its rows.

        All formats hold the rows of a split in the same order.
        """
        begins: defaultdict[tuple[str, str], int] = defaultdict(int)
        found = []
        for each in files:
            file = each.file
            begin = begins[file.format, file.split]
            begins[file.format, file.split] += file.rows
            found.append((each, self.masks.get(file.split, _NO_ROWS).slice(begin, file.rows)))
        return found


def find_taken_rows(manifest: Manifest, files: Sequence[PublishedFile], ids: pa.Array) -> TakenRows:
    """Find what a release holds of some contributions.

    Only columns with ids are read, of the files of one format. In releases with `shared_prompts`
    that don't tell whose the other answer of a pair is, as those that were built at first don't,
    each pair of two conversations counts as one of every contribution.

    Args:
        manifest: The manifest of the release.
        files: The data files of the release.
        ids: The contribution_ids, ascending.
    """
    tells_other = any(field["name"] == OTHER_ID for field in manifest.schema["fields"])
    is_shared = bool(manifest.parameters.get("shared_prompts"))
    columns = [ID, *([OTHER_ID, PREFERENCE_SOURCE] if is_shared else [])]
    held = [NO_IDS]
    masks: defaultdict[str, list[pa.Array]] = defaultdict(list)
    for each in in_one_format(files):
        for batch in each.texts(columns):
            mask = _among(batch[ID], ids, held)
            if is_shared:
                mask = pc.or_(mask, _among(batch[OTHER_ID], ids, held))
            if is_shared and not tells_other:
                untold = pc.equal(batch[PREFERENCE_SOURCE], _SHARED_PROMPT).fill_null(False)
                mask = pc.or_(mask, untold)
                held += [ids] if untold.true_count else []
            masks[each.file.split].append(mask)
    examples = _examples(manifest, ids, held)
    return TakenRows(
        ids=pc.unique(pa.concat_arrays(held)).sort(),
        masks={split: pa.concat_arrays(parts) for split, parts in masks.items()},
        examples=examples,
    )


def _among(values: pa.Array, ids: pa.Array, held: list[pa.Array]) -> pa.Array:
    """Tell for each value whether it is one of the ids, and collect those that are."""
    found = values.cast(ids.type)
    mask = is_among(found, ids).fill_null(False)
    if mask.true_count:
        held.append(found.filter(mask))
    return mask


def _examples(manifest: Manifest, ids: pa.Array, held: list[pa.Array]) -> frozenset[str]:
    """Return the reasons whose example is one of the ids, or that don't tell whose theirs is."""
    wanted = set(ids.to_pylist())
    reasons = set()
    for each in manifest.reasons:
        example = manifest.examples.get(each.reason)
        if each.is_example_real and (example is None or example in wanted):
            reasons.add(each.reason)
            held.append(ids if example is None else pa.array([example], ids.type))
    return frozenset(reasons)
