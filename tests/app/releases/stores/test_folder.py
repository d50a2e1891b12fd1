from pathlib import Path

import pytest

from app.releases.errors import ReleaseNotFound
from app.releases.manifest import MANIFEST_FILE, SUMS_FILE, decode_sums, encode_sums
from app.releases.service import Releases
from app.releases.stores.folder import FolderStore
from app.state.published_folder import PublishedFolder
from catalog.snapshots import Snapshot
from tests.app.releases.factories import make_old_release, make_recipe


@pytest.fixture
def folder_store(releases_folder: Path) -> FolderStore:
    """A store in the folder of releases."""
    return FolderStore(PublishedFolder(releases_folder))


def test_a_store_whose_folder_does_not_exist_is_empty(folder_store: FolderStore) -> None:
    assert folder_store.all() == []
    with pytest.raises(ReleaseNotFound):
        folder_store.find("first")


@pytest.mark.slow
def test_releases_are_listed_by_name_and_found_by_it(
    folder_store: FolderStore, releases_folder: Path, releases: Releases, snapshot: Snapshot
) -> None:
    for name in ("b", "a", "C"):
        releases.build(make_recipe(name), snapshot)
    (releases_folder / "a folder of someone's").mkdir()
    assert [manifest.name for manifest in folder_store.all()] == ["C", "a", "b"]
    assert folder_store.find("b").name == "b"


@pytest.mark.slow
def test_every_listed_file_is_found_with_its_type(
    folder_store: FolderStore, releases_folder: Path, releases: Releases, snapshot: Snapshot
) -> None:
    releases.build(make_recipe(test_percent=0), snapshot)
    sums = decode_sums((releases_folder / "first" / SUMS_FILE).read_bytes())
    types = {}
    for path in [*sums, SUMS_FILE]:
        found = folder_store.file("first", path)
        assert (found.file, found.url) == (releases_folder / "first" / path, None)
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
    folder_store: FolderStore, releases_folder: Path, name: str, path: str
) -> None:
    make_old_release(releases_folder, "first")
    make_old_release(releases_folder, "second")
    (releases_folder / "first" / "unlisted").touch()
    with pytest.raises(ReleaseNotFound):
        folder_store.file(name, path)


def test_a_release_of_the_older_layout_is_listed_and_its_files_found(
    releases_folder: Path, releases: Releases
) -> None:
    data = make_old_release(releases_folder, "old")
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


def test_a_release_that_is_removed_is_gone_with_its_files(
    folder_store: FolderStore, releases_folder: Path
) -> None:
    make_old_release(releases_folder, "old")
    folder_store.remove("old")
    folder_store.remove("old")
    assert folder_store.all() == []
    assert list(releases_folder.iterdir()) == []


def test_sums_are_read_as_they_were_written() -> None:
    sums = {"a  b": "0" * 64, "data/x.parquet": "1" * 64}
    assert decode_sums(encode_sums(sums)) == sums
