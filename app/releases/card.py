"""The dataset cards of a release: `README.md` in its folder and, where needed, in `jsonl/`.

A card begins with metadata for the Hub and for `datasets`:
https://huggingface.co/docs/hub/datasets-cards. `datasets` reads one file format for each folder
that has a card, so `jsonl/` has a card of its own.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pyiceberg.schema import Schema
from pyiceberg.types import (
    BooleanType,
    DoubleType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    NestedField,
    StringType,
    StructType,
    TimestamptzType,
)

from app.releases.credits import readable
from app.releases.croissant import first_format
from app.releases.licences import hub_licence
from app.releases.manifest import Manifest, identity_of
from app.releases.splits import SPLITS
from catalog.filled import fields_in

CARD_FILE: Final = "README.md"

_TEMPLATES: Final = Path(__file__).parent / "templates"
_LINES: Final = "jsonl"
_PLAIN_TEXT: Final = re.compile(r"[A-Za-z0-9.+() -]+")
_PUNCTUATION: Final = re.compile(r"[!-/:-@\[-`{-~]")
"""Characters that a backslash escapes in Markdown: https://spec.commonmark.org/0.31.2/#backslash-escapes"""
_UNDETERMINED: Final = "und"
_SIZES: Final = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
    (1_000_000_000, "100M<n<1B"),
)
_LARGEST_SIZE: Final = "n>1B"
_ROWS: Final = {"conversations": "conversations", "preference": "pairs", "unpaired": "answers"}
"""What the rows of each form are called."""
_TRAINER_TAGS: Final = {"preference": ("trl", "dpo"), "unpaired": ("trl", "kto")}
"""Tags of the Hub for the trainers that read a form."""
_REASONS: Final = {
    "pair": "two continuations were compared, and one was called better",
    "ranking": "all answers to the prompt were ranked",
    "edit": "the contributor rewrote the answer; what they made of it is the better one",
    "rating": "the contributor rated the answers",
}
"""How a preference is known, by its source."""
_DTYPES: Final[dict[type[IcebergType], str]] = {
    BooleanType: "bool",
    DoubleType: "float64",
    IntegerType: "int32",
    LongType: "int64",
    StringType: "string",
    TimestamptzType: "timestamp[us, tz=UTC]",
}


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


def encode_card(manifest: Manifest, schema: Schema) -> bytes:
    """Return the card of a release's folder.

    Args:
        manifest: Manifest of the release.
        schema: Schema of the published rows.
    """
    form = first_format(manifest)
    card = _environment().get_template("card.md.jinja")
    text = card.render(
        front_matter=_yaml(
            {**_hub_metadata(manifest), **_datasets_metadata(manifest, schema, form, f"{form}/")}
        ),
        manifest=manifest,
        description=describe_release(manifest),
        columns=[_column(field) for field in schema.fields],
        has_lines=form != _LINES and lines_card_path(manifest) is not None,
        has_tool_calls=any(
            path[-1] == "tool_calls" for field in schema.fields for path, _ in fields_in(field)
        ),
        rows=_ROWS[manifest.form],
        contributions=manifest.rows if manifest.contributions is None else manifest.contributions,
        reasons=_REASONS,
        missing=[f"`{split}`" for split in SPLITS if not manifest.splits.get(split)],
    )
    return text.encode()


def lines_card_path(manifest: Manifest) -> str | None:
    """Return the path of the card of the JSON lines; None when they are the only format."""
    formats = {file.format for file in manifest.files}
    return f"{_LINES}/{CARD_FILE}" if {_LINES} < formats else None


def encode_lines_card(manifest: Manifest, schema: Schema) -> bytes:
    """Return the card of the folder with the JSON lines, which tells `datasets` their types."""
    front_matter = _yaml(_datasets_metadata(manifest, schema, _LINES, ""))
    text = f"The rows of [{manifest.name}](../README.md), as lines of JSON."
    return f"---\n{front_matter}---\n\n{text}\n".encode()


def _hub_metadata(manifest: Manifest) -> dict[str, Any]:
    licence = hub_licence(manifest.licence)
    # The Hub knows neither the code of the undetermined language nor codes with a script.
    languages = {code.partition("-")[0] for code in manifest.languages} - {_UNDETERMINED}
    return {
        "license": licence,
        **({"license_name": manifest.licence} if licence == "other" else {}),
        **({"language": sorted(languages)} if languages else {}),
        "pretty_name": manifest.name,
        "size_categories": [_size_of(manifest.rows)],
        "task_categories": ["text-generation"],
        "tags": [
            *("conversational", "human-feedback", "croissant", f"chatlake-{manifest.stage}"),
            *_TRAINER_TAGS.get(manifest.form, ()),
        ],
    }


def _datasets_metadata(
    manifest: Manifest, schema: Schema, form: str, folder: str
) -> dict[str, Any]:
    """Return the metadata by which `datasets` finds the data files and the types of columns."""
    files = [
        {"split": split, "path": f"{folder}{split}-*.{form}"}
        for split in SPLITS
        # `datasets` can't read a split without rows.
        if manifest.splits.get(split)
    ]
    features = [{"name": field.name, **_feature(field.field_type)} for field in schema.fields]
    # `datasets` caches rows by the names of the folder and of the configuration, not by the path.
    name = identity_of(manifest)
    return {
        "configs": [{"config_name": name, "default": True, "data_files": files}],
        "dataset_info": [{"config_name": name, "features": features}],
    }


def _feature(kind: IcebergType) -> dict[str, Any]:
    if isinstance(kind, ListType):
        element = _feature(kind.element_type)
        return {"list": element.get("struct", element.get("dtype", element))}
    if isinstance(kind, StructType):
        parts = [{"name": part.name, **_feature(part.field_type)} for part in kind.fields]
        return {"struct": parts}
    return {"dtype": _DTYPES[type(kind)]}


def _column(field: NestedField) -> dict[str, str]:
    return {"name": field.name, "type": _type_name(field.field_type), "doc": field.doc or ""}


def _type_name(kind: IcebergType) -> str:
    if isinstance(kind, ListType):
        return f"list of {_type_name(kind.element_type)}"
    if isinstance(kind, StructType):
        return f"{{{', '.join(part.name for part in kind.fields)}}}"
    return type(kind).__name__.removesuffix("Type").lower().replace("timestamptz", "timestamp")


def _size_of(rows: int) -> str:
    return next((size for above, size in _SIZES if rows < above), _LARGEST_SIZE)


def _yaml(data: dict[str, Any]) -> str:
    text: str = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
    return text


def _listed(value: object) -> str:
    if value is None or value == []:
        return "any"
    return ", ".join(value) if isinstance(value, list) else str(value)


def _code(text: str) -> str:
    return (
        f"`{text}`" if _PLAIN_TEXT.fullmatch(text) else _PUNCTUATION.sub(r"\\\g<0>", readable(text))
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        # The page is Markdown: text that anyone could choose goes through `code`.
        autoescape=False,  # noqa: S701
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(code=_code, listed=_listed)
    return environment
