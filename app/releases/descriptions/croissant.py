"""`croissant.json`: the description of a release in the Croissant format.

https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html
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

from app.releases.descriptions.datasheet import CREATOR, Datasheet
from app.releases.descriptions.licences import licence_url
from app.releases.descriptions.responsible import responsible_terms
from app.releases.manifest import Manifest, ReleaseFile, identity_of
from app.releases.recipe import FORMATS
from app.releases.rows.splits import SPLITS
from catalog.manifests.filled import parts_of

CROISSANT_FILE: Final = "croissant.json"

_CONTEXT: Final = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""What the names in the document mean. The names are those that mlcroissant expects."""
_VERSIONS: Final = (
    "http://mlcommons.org/croissant/1.1",
    "http://mlcommons.org/croissant/RAI/1.0",
)
_CONTRIBUTORS: Final = "The contributors of this lake; CREDITS.txt names those who want it"
_FOLDER: Final = "./"
"""The release's page: the folder that the document is in."""
_MEDIA_TYPES: Final = {"parquet": "application/x-parquet", "jsonl": "application/jsonlines"}
_DATA_TYPES: Final[dict[type[IcebergType], str]] = {
    BooleanType: "sc:Boolean",
    DoubleType: "sc:Float",
    IntegerType: "sc:Integer",
    LongType: "sc:Integer",
    StringType: "sc:Text",
    TimestamptzType: "sc:Date",
}


def encode_croissant(
    manifest: Manifest, schema: Schema, description: str, datasheet: Datasheet
) -> bytes:
    """Return the content of `croissant.json`.

    Its records come from the first file format of the release; it lists the files of all formats.

    Args:
        manifest: Manifest of the release.
        schema: Schema of the published rows.
        description: Description of the release in a sentence.
        datasheet: What the operator answers to the questions of a datasheet.
    """
    form = first_format(manifest)
    splits = [split for split in SPLITS if manifest.splits.get(split)]
    document = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": list(_VERSIONS),
        # Programs cache records by this name and by the version.
        "name": identity_of(manifest),
        "description": description,
        "creator": [
            {"@type": "sc:Organization", "name": name}
            for name in datasheet.by_term().get(CREATOR, [_CONTRIBUTORS])
        ],
        "url": _FOLDER,
        "license": licence_url(manifest.licence),
        "citeAs": f"chatlake release {manifest.name} of snapshot {manifest.snapshot_id}",
        "version": f"{manifest.revision}.0.0",
        "datePublished": manifest.committed_at.date().isoformat(),
        **responsible_terms(manifest, datasheet),
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
    name = f"{parent}/{column.name}"
    field: dict[str, Any] = {"@type": "cr:Field", "@id": name, "name": column.name}
    if column.doc:
        field["description"] = column.doc
    kind = column.field_type
    extract = {"fileSet": {"@id": source}, "extract": {"column": column.name}}
    parts = parts_of(kind)
    if isinstance(kind, ListType):
        field |= {"isArray": True, "arrayShape": "-1"}
        kind = kind.element_type
    if not parts:
        return {**field, "dataType": _DATA_TYPES[type(kind)], "source": extract}
    return {**field, "subField": _sub_fields(name, extract, parts)}


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
