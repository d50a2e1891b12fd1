"""The metadata at the beginning of a card, for the Hub and for `datasets`.

https://huggingface.co/docs/hub/datasets-cards
"""

from typing import Any, Final

import yaml
from pyiceberg.schema import Schema
from pyiceberg.types import (
    BooleanType,
    DoubleType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    StringType,
    StructType,
    TimestamptzType,
)

from app.releases.descriptions.licences import hub_licence
from app.releases.manifest import Manifest, identity_of
from app.releases.rows.splits import SPLITS, Split

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
_TRAINER_TAGS: Final = {"preference": ("trl", "dpo"), "unpaired": ("trl", "kto")}
"""Tags of the Hub for the trainers that read a form."""
_DTYPES: Final[dict[type[IcebergType], str]] = {
    BooleanType: "bool",
    DoubleType: "float64",
    IntegerType: "int32",
    LongType: "int64",
    StringType: "string",
    TimestamptzType: "timestamp[us, tz=UTC]",
}


def front_matter(manifest: Manifest, schema: Schema, form: str, *, folder: str) -> str:
    """Return the metadata of the card of a release's folder, as YAML.

    Args:
        manifest: Manifest of the release.
        schema: Schema of the published rows.
        form: The file format that `datasets` is to read.
        folder: Path of the folder with the files of that format, with a slash at its end.
    """
    return _yaml({**_hub_metadata(manifest), **_datasets_metadata(manifest, schema, form, folder)})


def lines_front_matter(manifest: Manifest, schema: Schema, form: str) -> str:
    """Return the metadata of the card in the folder of one file format, as YAML.

    Args:
        manifest: The manifest of the release.
        schema: The schema of its rows.
        form: The file format.
    """
    return _yaml(_datasets_metadata(manifest, schema, form, ""))


def splits_with_files(manifest: Manifest) -> list[Split]:
    """Return the splits that have a data file; in a release without rows, `train` has one too."""
    filled = {file.split for file in manifest.files}
    return [split for split in SPLITS if split in filled]


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
        for split in splits_with_files(manifest)
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


def _size_of(rows: int) -> str:
    return next((size for above, size in _SIZES if rows < above), _LARGEST_SIZE)


def _yaml(data: dict[str, Any]) -> str:
    text: str = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
    return text
