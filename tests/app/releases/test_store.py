import hashlib
import json
from pathlib import Path

import pytest

from app.releases.errors import ReleaseNotFound
from app.releases.manifest import MANIFEST_FILE, SUMS_FILE, decode_sums, encode_sums
from app.releases.service import Releases
from app.releases.store import FolderStore
from app.state.published_folder import PublishedFolder
from catalog.snapshots import Snapshot
from tests.app.releases.made import make_recipe


@pytest.fixture
def local(shelf: Path) -> FolderStore:
    """The shelf."""
    return FolderStore(PublishedFolder(shelf))


def test_a_shelf_that_was_never_made_is_empty(local: FolderStore) -> None:
    assert local.all() == []
    with pytest.raises(ReleaseNotFound):
        local.find("first")


def test_releases_are_listed_by_name_and_found_by_it(
    local: FolderStore, shelf: Path, releases: Releases, snapshot: Snapshot
) -> None:
    for name in ("b", "a", "C"):
        releases.build(make_recipe(name), snapshot)
    (shelf / "a folder of someone's").mkdir()
    assert [manifest.name for manifest in local.all()] == ["C", "a", "b"]
    assert local.find("b").name == "b"


def test_every_file_that_is_summed_is_found_with_its_type(
    local: FolderStore, shelf: Path, releases: Releases, snapshot: Snapshot
) -> None:
    releases.build(make_recipe(test_percent=0), snapshot)
    sums = decode_sums((shelf / "first" / SUMS_FILE).read_bytes())
    types = {}
    for path in [*sums, SUMS_FILE]:
        found = local.file("first", path)
        assert (found.file, found.url) == (shelf / "first" / path, None)
        assert found.sha256 == sums.get(path)
        assert found.is_data == path.startswith(("parquet/", "jsonl/train"))
        types[path] = found.media_type
    assert types == {
        MANIFEST_FILE: "application/json",
        "croissant.json": "application/json",
        SUMS_FILE: "text/plain; charset=utf-8",
        "README.md": "text/markdown; charset=utf-8",
        "CREDITS.txt": "text/plain; charset=utf-8",
        "jsonl/README.md": "text/markdown; charset=utf-8",
        "parquet/train-00000.parquet": "application/vnd.apache.parquet",
        "jsonl/train-00000.jsonl": "application/x-ndjson",
    }


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("none", MANIFEST_FILE),
        ("first", "none"),
        ("first", ""),
        ("first", "."),
        ("first", "parquet"),
        ("first", "../second/manifest.json"),
        ("first", "parquet/../manifest.json"),
        ("first", "/etc/passwd"),
        ("first", "unlisted"),
        ("first", "manifest.json\x00"),
        ("..", "chatlake.db"),
        (".", "first/manifest.json"),
        ("", "first/manifest.json"),
        ("first/../second", "manifest.json"),
        ("first\n", MANIFEST_FILE),
    ],
)
def test_only_the_files_that_a_release_lists_can_be_had(
    local: FolderStore, shelf: Path, name: str, path: str
) -> None:
    make_old_release(shelf, "first")
    make_old_release(shelf, "second")
    (shelf / "first" / "unlisted").touch()
    with pytest.raises(ReleaseNotFound):
        local.file(name, path)


def make_old_release(shelf: Path, name: str) -> bytes:
    """Publish a folder as raw releases were before there were stages; return its data's bytes."""
    data = b"the bytes of a Parquet file"
    path = "data/contributions-00000.parquet"
    sha256 = hashlib.sha256(data).hexdigest()
    manifest = {
        "name": name,
        "stage": "raw",
        "snapshot_id": "5205699861694616229",
        "sequence_number": 3,
        "committed_at": "2026-11-23T08:33:43.249000Z",
        "licence": "CC-BY-4.0",
        "rows": 3000,
        "file_count": 1,
        "files": [{"path": path, "rows": 3000, "bytes": len(data), "sha256": sha256}],
        "schema": {"type": "struct", "fields": []},
        "versions": {"chatlake": "0.1.0"},
    }
    content = json.dumps(manifest, indent=2).encode()
    folder = shelf / name
    (folder / "data").mkdir(parents=True)
    (folder / path).write_bytes(data)
    (folder / MANIFEST_FILE).write_bytes(content)
    sums = {path: sha256, MANIFEST_FILE: hashlib.sha256(content).hexdigest()}
    (folder / SUMS_FILE).write_bytes(encode_sums(sums))
    return data


def test_a_release_of_the_older_layout_is_listed_told_of_and_had(
    shelf: Path, releases: Releases
) -> None:
    data = make_old_release(shelf, "old")
    (manifest,) = releases.all()
    assert (manifest.name, manifest.rows, manifest.splits, manifest.credited) == (
        *("old", 3000, {}, None),
    )
    assert [file.format for file in manifest.files] == ["parquet"]
    status = releases.status("old")
    assert (status.state, status.rows_done, status.started_at) == ("published", 3000, None)
    found = releases.file("old", manifest.files[0].path)
    assert found.file is not None
    assert found.file.read_bytes() == data


def test_a_release_that_is_removed_is_gone_with_its_files(local: FolderStore, shelf: Path) -> None:
    make_old_release(shelf, "old")
    local.remove("old")
    local.remove("old")
    assert local.all() == []
    assert list(shelf.iterdir()) == []


def test_sums_are_read_as_they_were_written() -> None:
    sums = {"a  b": "0" * 64, "data/x.parquet": "1" * 64}
    assert decode_sums(encode_sums(sums)) == sums
