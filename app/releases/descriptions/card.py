"""The dataset cards of a release: `README.md` in its folder and, where needed, in `jsonl/`.

A card begins with metadata for the Hub and for `datasets`:
https://huggingface.co/docs/hub/datasets-cards. `datasets` reads one file format for each folder
that has a card, so `jsonl/` has a card of its own.
"""

import re
from typing import Final

from pyiceberg.schema import Schema
from pyiceberg.types import IcebergType, ListType, NestedField, StructType

from app.releases.counts.frequent import most_frequent
from app.releases.counts.tokens import ROW_CHARACTERS
from app.releases.descriptions.croissant import first_format
from app.releases.descriptions.datasheet import Datasheet
from app.releases.descriptions.markdown import render
from app.releases.descriptions.metadata import front_matter, lines_front_matter, splits_with_files
from app.releases.manifest import Manifest
from app.releases.rows.splits import SPLITS
from catalog.manifests.filled import fields_in

CARD_FILE: Final = "README.md"

_LINES: Final = "jsonl"
ROW: Final = {"conversations": "conversation", "preference": "pair", "unpaired": "answer"}
"""What a row of each form is called."""
ROWS: Final = {form: f"{name}s" for form, name in ROW.items()}
"""What the rows of each form are called."""
_PREFERENCES: Final = {
    "pair": "two continuations were compared, and one was called better",
    "ranking": "all answers to the prompt were ranked",
    "edit": "the contributor rewrote the answer; what they made of it is the better one",
    "rating": "the contributor rated the answers",
    "shared_prompt": "the answers are of two conversations with one prompt, and were rated there",
}
"""How a preference is known, by its source."""


def describe_release(manifest: Manifest) -> str:
    """Return a description of a release in one sentence."""
    kinds = {
        "raw": "as they were contributed, in every version",
        "cleaned": "with repaired texts, personal data masked, and their languages named",
        "curated": "cleaned, without duplicates, and held to rules of quality",
    }
    rows = {
        "conversations": "Conversations with language models",
        "preference": "Better and worse answers of language models, from conversations",
        "unpaired": "Good and bad answers of language models, from conversations",
    }
    return (
        f"{rows[manifest.form]} that people contributed so that open models can be "
        f"trained on them: {kinds[manifest.stage]}."
    )


def encode_card(manifest: Manifest, schema: Schema, datasheet: Datasheet) -> bytes:
    """Return the card of a release's folder.

    Args:
        manifest: Manifest of the release.
        schema: Schema of the published rows.
        datasheet: What the operator answers to the questions of a datasheet.
    """
    form = first_format(manifest)
    contributions = manifest.rows if manifest.contributions is None else manifest.contributions
    text = render(
        "card.md.jinja",
        front_matter=front_matter(manifest, schema, form, folder=f"{form}/"),
        manifest=manifest,
        statistics=manifest.statistics,
        description=describe_release(manifest),
        columns=[_column(field) for field in schema.fields],
        has_lines=form != _LINES and lines_card_path(manifest) is not None,
        has_tool_calls=any(
            path[-1] == "tool_calls" for field in schema.fields for path, _ in fields_in(field)
        ),
        rows=ROWS[manifest.form],
        contributions=contributions,
        all_contributions=contributions + sum(manifest.dropped.values()),
        languages=most_frequent(manifest.languages),
        preferences=_PREFERENCES,
        missing=[f"`{split}`" for split in SPLITS if split not in splits_with_files(manifest)],
        row_characters=ROW_CHARACTERS,
        datasheet=datasheet,
    )
    return text.encode()


def body_of(card: str) -> str:
    """Return a card without its metadata and its title, which is the name of the release."""
    _, _, body = card.partition("\n---\n")
    return re.sub(r"\A\s*# .*\n", "", body)


def lines_card_path(manifest: Manifest) -> str | None:
    """Return the path of the card of the JSON lines; None when they are the only format."""
    formats = {file.format for file in manifest.files}
    return f"{_LINES}/{CARD_FILE}" if {_LINES} < formats else None


def encode_lines_card(manifest: Manifest, schema: Schema) -> bytes:
    """Return the card of the folder with the JSON lines, which tells `datasets` their types."""
    metadata = lines_front_matter(manifest, schema, _LINES)
    text = f"The rows of [{manifest.name}](../README.md), as lines of JSON."
    return f"---\n{metadata}---\n\n{text}\n".encode()


def _column(field: NestedField) -> dict[str, str]:
    return {"name": field.name, "type": type_name(field.field_type), "doc": field.doc or ""}


def type_name(kind: IcebergType) -> str:
    """Return what cards call the type of a column."""
    if isinstance(kind, ListType):
        return f"list of {type_name(kind.element_type)}"
    if isinstance(kind, StructType):
        return f"{{{', '.join(part.name for part in kind.fields)}}}"
    return type(kind).__name__.removesuffix("Type").lower().replace("timestamptz", "timestamp")
