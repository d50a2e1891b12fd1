"""Releases and maps: whether what is recorded is there, and has the bytes that it had."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import select

from app.access.visibility.held_back import HeldBackResults
from app.doctor.examined_lake import ExaminedLake
from app.doctor.finding import Finding
from app.maps.description import MAP_FILE, decode_description
from app.maps.store import MAP_FILES
from app.releases.manifest import MANIFEST_FILE, SUMS_FILE, decode_manifest, decode_sums
from app.state.checksums import sha256_of
from app.state.models import ReleaseRecord
from app.state.published_folder import PublishedFolder

_COPY_BACK: Final = "copy the folder from a backup; its files are the same for ever"


def check_releases(lake: ExaminedLake) -> Iterator[Finding]:
    """Compare the registry with the folder of releases, and files with their sums."""
    if lake.settings.releases_bucket:
        return
    folder = PublishedFolder(lake.settings.releases)
    with lake.database.read() as connection:
        recorded = set(
            connection.scalars(select(ReleaseRecord.name).where(ReleaseRecord.state == "published"))
        )
    there = {file.parent.name for file in folder.find_all(MANIFEST_FILE)}
    held_back = HeldBackResults(lake.database).names("release")
    for name in sorted(recorded - there):
        yield _lost("releases", f"the release {name} is published, and its files aren't there")
    for name in sorted(there - held_back):
        yield from _check_release(folder.path / name, is_deep=lake.is_deep)
    yield from _held_back("releases", held_back - recorded)


def check_maps(lake: ExaminedLake) -> Iterator[Finding]:
    """Check that every map has its files, and can be read."""
    folder = PublishedFolder(lake.settings.maps)
    there = {file.parent.name for file in folder.find_all(MAP_FILE)}
    for name in sorted(there):
        for file in sorted(MAP_FILES):
            if not (folder.path / name / file).is_file():
                yield _lost("maps", f"the map {name} lacks {file}")
        try:
            decode_description((folder.path / name / MAP_FILE).read_bytes())
        except msgspec.DecodeError as error:
            yield _lost("maps", f"the map {name} can't be read: {error}")
    yield from _held_back("maps", HeldBackResults(lake.database).names("map") - there)


def _check_release(folder: Path, *, is_deep: bool) -> Iterator[Finding]:
    """Compare the files of a release with its sums; their sizes unless examined deeply."""
    name = folder.name
    try:
        manifest = decode_manifest((folder / MANIFEST_FILE).read_bytes())
        sums = decode_sums((folder / SUMS_FILE).read_bytes())
    except (OSError, ValueError) as error:
        yield _lost("releases", f"the release {name} can't be read: {error}")
        return
    sizes = {file.path: file.bytes for file in manifest.files}
    for path, sha256 in sums.items():
        file = folder / path
        if not file.is_file():
            yield _lost("releases", f"the release {name} lacks {path}")
        elif path in sizes and file.stat().st_size != sizes[path]:
            yield _lost("releases", f"{path} of the release {name} has another size")
        elif is_deep and sha256_of(file) != sha256:
            yield _lost("releases", f"{path} of the release {name} has another sum")


def _held_back(check: str, names: frozenset[str] | set[str]) -> Iterator[Finding]:
    for name in sorted(names):
        yield Finding(
            check=check,
            severity="warning",
            what=f"{name} is held back for a takedown, and isn't published",
            mend="scripts/lake takedown run",
        )


def _lost(check: str, what: str) -> Finding:
    return Finding(check=check, severity="error", what=what, mend=_COPY_BACK)
