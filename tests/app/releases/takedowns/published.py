"""Releases of every kind whose rows tell which contribution they are of, for tests of takedowns."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.fs import FileSelector, FileSystem, FileType, LocalFileSystem

from app.releases.manifest import SUMS_FILE, Manifest, decode_sums
from app.releases.recipe import Recipe
from app.releases.service import Releases
from app.services import Services
from catalog.reading.membership import NO_IDS
from tests.app.releases.factories import make_recipe, make_row, make_tool_row, make_turn
from tests.app.takedown.recorded import record_takedown
from tests.factories import make_contribution
from tests.servers.cluster import Cluster
from tests.servers.s3 import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY

ROWS: Final = 12
VERSIONED: Final = "versioned"
"""A bucket of the S3 server that keeps old versions of objects."""
RECIPES: Final = (
    make_recipe("raw", "raw", test_percent=40),
    make_recipe("cleaned", "cleaned", test_percent=40),
    make_recipe("curated", "curated", languages=("de", "en"), formats=("parquet",)),
    make_recipe("lines", "curated", test_percent=40, formats=("jsonl",)),
    make_recipe("pairs", "curated", form="preference", test_percent=40),
    make_recipe("judged", "cleaned", form="unpaired", formats=("jsonl",)),
    make_recipe("shared", "cleaned", form="preference", shared_prompts=True),
)
"""A release of every stage, form and choice of file formats."""


def word_of(number: int) -> str:
    """Return a word that only the texts and the name of this contribution have."""
    return f"zanzibar{number:02}quagga"


def stage_row(number: int) -> dict[str, Any]:
    """Return a row of a stage that every form of release has rows of."""
    word, day = word_of(number), number // 4
    shared = {"language": ("en", "de", "fr")[number % 3], "attribution": f"Name {word}"}
    if number == 1:
        # The only one that fills the optional fields.
        return make_tool_row(number, title=word, day=day, **shared)
    answers = [
        make_turn("user", f"What is {word}?"),
        make_turn("assistant", f"It is {word}.", edited_content=f"Better: {word}"),
        # Asked by every fourth contribution, which like and dislike the answer in turn.
        make_turn("user", "Shared?"),
        make_turn("assistant", word, rating=("positive", "negative")[number // 4 % 2]),
    ]
    turns = answers[:2] if number % 4 else answers[2:]
    return make_row(number, conversation=turns, day=day, masked=_masked(number), **shared)


def contribution(number: int) -> Any:
    """Return the contribution of the raw table that a row of the stage comes from."""
    row, word = stage_row(number), word_of(number)
    return make_contribution(
        f"What is {word}?",
        f"It is {word}.",
        contribution_id=row["contribution_id"],
        attribution=row["attribution"],
        title=word if number == 1 else None,
    )


def id_of(number: int) -> str:
    """Return the contribution_id of a contribution."""
    found: str = stage_row(number)["contribution_id"]
    return found


def ids_of(*numbers: int) -> pa.Array:
    """Return the contribution_ids of contributions, ascending."""
    return pa.array(map(id_of, numbers), NO_IDS.type).sort()


def record(services: Services, *numbers: int) -> pa.Array:
    """Record a takedown of contributions; return their ids, ascending."""
    return record_takedown(services, list(map(id_of, numbers)))


def rows_in(manifest: Manifest, filesystem: FileSystem, folder: str) -> dict[str, list[Any]]:
    """Return the rows of each format and split, in the order of the files."""
    found: dict[str, list[Any]] = {}
    for file in manifest.files:
        with filesystem.open_input_file(f"{folder}/{file.path}") as stream:
            content = stream.read()
        if file.format == "parquet":
            rows = pq.read_table(pa.BufferReader(content)).to_pylist()
        else:
            rows = [json.loads(line) for line in content.decode().splitlines()]
        assert (len(rows), len(content)) == (file.rows, file.bytes), file.path
        found.setdefault(f"{file.format}/{file.split}", []).extend(rows)
    return found


def without(rows: Mapping[str, list[Any]], taken: set[str]) -> dict[str, list[Any]]:
    """Return rows by format and split, less those of some contributions."""
    left = {
        place: [
            row
            for row in of_place
            if taken.isdisjoint({row["contribution_id"], row.get("other_contribution_id")})
        ]
        for place, of_place in rows.items()
    }
    return {place: of_place for place, of_place in left.items() if of_place}


def contents(filesystem: FileSystem, folder: str) -> Iterator[tuple[str, bytes]]:
    """Yield the path and the readable content of every file below a folder.

    Columns of Parquet are given as text, since their pages are compressed.
    """
    for info in filesystem.get_file_info(FileSelector(folder, recursive=True)):
        if info.type == FileType.File:
            with filesystem.open_input_file(info.path) as stream:
                yield info.path, readable(info.path, stream.read())


def readable(path: str, content: bytes) -> bytes:
    """Return the content of a file, that of Parquet as text."""
    if path.endswith(".parquet"):
        return repr(pq.read_table(pa.BufferReader(content)).to_pylist()).encode()
    return content


def versioned_bucket(cluster: Cluster) -> dict[str, Any]:
    """Return the settings of a new folder for releases, in a bucket that keeps old versions."""
    places = {
        "s3_endpoint": cluster.s3.url(),
        "s3_access_key_id": ACCESS_KEY_ID,
        "s3_secret_access_key": SECRET_ACCESS_KEY,
        "s3_region": REGION,
    }
    client = _client(places)
    if VERSIONED not in [each["Name"] for each in client.list_buckets()["Buckets"]]:
        client.create_bucket(Bucket=VERSIONED)
        enabled = {"Status": "Enabled"}
        client.put_bucket_versioning(Bucket=VERSIONED, VersioningConfiguration=enabled)
    folder = cluster.s3.create_prefix().rpartition("/")[2]
    return {**places, "releases_bucket": f"s3://{VERSIONED}/{folder}"}


def all_contents(services: Services) -> Iterator[tuple[str, bytes]]:
    """Yield every file of releases there is, in every version that a bucket has."""
    settings = services.settings
    yield from contents(LocalFileSystem(), str(settings.releases))
    if settings.releases_bucket is None:
        return
    client = _client(asdict(settings))
    prefix = settings.releases_bucket.rpartition("/")[2]
    assert not client.list_multipart_uploads(Bucket=VERSIONED, Prefix=prefix).get("Uploads")
    listed = client.list_object_versions(Bucket=VERSIONED, Prefix=f"{prefix}/")
    assert not listed["IsTruncated"]
    for version in listed.get("Versions", []):
        found = client.get_object(
            Bucket=VERSIONED, Key=version["Key"], VersionId=version["VersionId"]
        )
        yield version["Key"], readable(version["Key"], found["Body"].read())


def places_of(services: Services, number: int) -> list[str]:
    """Return the files of releases that hold a contribution."""
    traces = word_of(number).encode(), id_of(number).encode()
    return [
        path
        for path, content in all_contents(services)
        if any(trace in content for trace in traces)
    ]


def check_sums(releases: Releases, name: str) -> None:
    """Check that a release has the files that its sums list, with these sums, and no other."""
    filesystem, folder = releases.store.filesystem(name)
    files = {}
    for path, _ in contents(filesystem, folder):
        with filesystem.open_input_file(path) as stream:
            files[path.removeprefix(f"{folder}/")] = stream.read()
    sums = decode_sums(files.pop(SUMS_FILE))
    assert {path: hashlib.sha256(content).hexdigest() for path, content in files.items()} == sums


def recipe_named(name: str) -> Recipe:
    """Return the recipe of a release."""
    return next(recipe for recipe in RECIPES if recipe.name == name)


def _masked(number: int) -> dict[str, int]:
    masked: dict[str, int] = make_row(number)["masked"]
    return {**masked, "email": number}


def _client(places: Mapping[str, Any]) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=places["s3_endpoint"],
        aws_access_key_id=places["s3_access_key_id"],
        aws_secret_access_key=places["s3_secret_access_key"],
        region_name=places["s3_region"],
    )
