"""`croissant.json`: the description of a release in the Croissant format.

https://docs.mlcommons.org/croissant/docs/croissant-spec-1.0.html
"""

import json
from collections.abc import Iterable
from typing import Any, Final

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
    TimestamptzType,
)

from app.releases.licences import licence_url
from app.releases.manifest import Manifest, ReleaseFile, identity_of
from app.releases.recipe import FORMATS
from app.releases.splits import SPLITS
from catalog.filled import parts_of

CROISSANT_FILE: Final = "croissant.json"

_CONTEXT: Final = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "equivalentProperty": "cr:equivalentProperty",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "samplingRate": "cr:samplingRate",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataBiases": "cr:dataBiases",
    "dataCollection": "cr:dataCollection",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "personalSensitiveInformation": "cr:personalSensitiveInformation",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_MEDIA_TYPES: Final = {"parquet": "application/x-parquet", "jsonl": "application/jsonlines"}
_DATA_TYPES: Final[dict[type[IcebergType], str]] = {
    BooleanType: "sc:Boolean",
    DoubleType: "sc:Float",
    IntegerType: "sc:Integer",
    LongType: "sc:Integer",
    StringType: "sc:Text",
    TimestamptzType: "sc:Date",
}


def encode_croissant(manifest: Manifest, schema: Schema, description: str) -> bytes:
    """Return the content of `croissant.json`.

    Its records come from the first file format of the release; it lists the files of all formats.

    Args:
        manifest: Manifest of the release.
        schema: Schema of the published rows.
        description: Description of the release in a sentence.
    """
    form = first_format(manifest)
    splits = [split for split in SPLITS if manifest.splits.get(split)]
    document = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        # Programs cache records by this name and by the version, which is always the same.
        "name": identity_of(manifest),
        "description": description,
        "license": licence_url(manifest.licence),
        "citeAs": f"chatlake release {manifest.name} of snapshot {manifest.snapshot_id}",
        "version": "1.0.0",
        "datePublished": manifest.committed_at.date().isoformat(),
        "distribution": [
            *(_file_object(file) for file in manifest.files),
            *(_file_set(form, split) for split in splits),
        ],
        "recordSet": [_record_set(form, split, schema) for split in splits],
    }
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


def first_format(manifest: Manifest) -> str:
    """Return the file format by which a release is read by default."""
    formats = {file.format for file in manifest.files}
    return next(form for form in FORMATS if form in formats)


def _file_object(file: ReleaseFile) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path,
        "contentUrl": file.path,
        "contentSize": f"{file.bytes} B",
        "encodingFormat": _MEDIA_TYPES[file.format],
        "sha256": file.sha256,
    }


def _file_set(form: str, split: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"{form}-{split}",
        "name": f"{form}-{split}",
        "encodingFormat": _MEDIA_TYPES[form],
        "includes": f"{form}/{split}-*.{form}",
    }


def _record_set(form: str, split: str, schema: Schema) -> dict[str, Any]:
    keys = [{"@id": f"{split}/{name}"} for name in sorted(schema.identifier_field_names())]
    return {
        "@type": "cr:RecordSet",
        "@id": split,
        "name": split,
        **({"key": keys[0]} if keys else {}),
        "field": [_field(f"{form}-{split}", split, column) for column in schema.fields],
    }


def _field(source: str, parent: str, column: NestedField) -> dict[str, Any]:
    field = {"@type": "cr:Field", "@id": f"{parent}/{column.name}", "name": column.name}
    if column.doc:
        field["description"] = column.doc
    kind = column.field_type
    extract = {"fileSet": {"@id": source}, "extract": {"column": column.name}}
    parts = parts_of(kind)
    if not parts:
        return {**field, "dataType": _DATA_TYPES[type(kind)], "source": extract}
    is_repeated = {"repeated": True} if isinstance(kind, ListType) else {}
    return {**field, **is_repeated, "subField": _sub_fields(field["@id"], extract, parts)}


def _sub_fields(
    parent: str, extract: dict[str, Any], parts: Iterable[NestedField]
) -> list[dict[str, Any]]:
    """Return the fields of a structure that is one column.

    A structure or a list in it, such as the calls of tools, is left out: readers of Croissant can't
    extract those from a list.
    """
    return [
        {
            "@type": "cr:Field",
            "@id": f"{parent}/{part.name}",
            "name": part.name,
            "dataType": _DATA_TYPES[type(part.field_type)],
            "source": {**extract, "transform": {"jsonPath": f"$.{part.name}"}},
        }
        for part in parts
        if type(part.field_type) in _DATA_TYPES
    ]
