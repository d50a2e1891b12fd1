from pathlib import Path

import pytest

from app.releases.build import build_raw
from app.releases.errors import ReleaseNotFound
from app.releases.manifest import MANIFEST_FILE, SUMS_FILE, decode_sums, encode_sums
from app.releases.shelf import find_file, find_release, list_releases
from app.services import Services
from catalog.snapshots import Snapshot
from catalog.table import load_table


def build(services: Services, snapshot: Snapshot, name: str) -> None:
    build_raw(load_table(services.catalog), snapshot, services.settings.releases, name, "x")


def test_a_shelf_that_was_never_made_is_empty(shelf: Path) -> None:
    assert list_releases(shelf) == []
    with pytest.raises(ReleaseNotFound):
        find_release(shelf, "first")


def test_releases_are_listed_by_name_and_found_by_it(
    services: Services, shelf: Path, snapshot: Snapshot
) -> None:
    for name in ("b", "a", "C"):
        build(services, snapshot, name)
    (shelf / "a folder of someone's").mkdir()
    assert [manifest.name for manifest in list_releases(shelf)] == ["C", "a", "b"]
    assert find_release(shelf, "b").name == "b"


def test_every_file_that_is_summed_is_found_with_its_type(
    services: Services, shelf: Path, snapshot: Snapshot
) -> None:
    build(services, snapshot, "first")
    sums = decode_sums((shelf / "first" / SUMS_FILE).read_bytes())
    types = {}
    for path in [*sums, SUMS_FILE]:
        found = find_file(shelf, "first", path)
        assert found.file == shelf / "first" / path
        assert found.sha256 == sums.get(path)
        types[path] = found.media_type
    assert types == {
        MANIFEST_FILE: "application/json",
        SUMS_FILE: "text/plain; charset=utf-8",
        "data/contributions-00000.parquet": "application/vnd.apache.parquet",
    }


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("none", MANIFEST_FILE),
        ("first", "none"),
        ("first", ""),
        ("first", "."),
        ("first", "data"),
        ("first", "../second/manifest.json"),
        ("first", "data/../manifest.json"),
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
    services: Services, shelf: Path, snapshot: Snapshot, name: str, path: str
) -> None:
    build(services, snapshot, "first")
    build(services, snapshot, "second")
    (shelf / "first" / "unlisted").touch()
    with pytest.raises(ReleaseNotFound):
        find_file(shelf, name, path)


def test_sums_are_read_as_they_were_written() -> None:
    sums = {"a  b": "0" * 64, "data/x.parquet": "1" * 64}
    assert decode_sums(encode_sums(sums)) == sums
