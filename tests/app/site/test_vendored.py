"""The files of other projects that pages load, against the packages that they come from."""

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

from app.site import policies
from sandbox.functions import FUNCTIONS

SITE = Path(policies.__file__).parent
FOLDER = SITE / "static" / "vendor"
SUMS = (FOLDER / "SUMS").read_text(encoding="utf-8").splitlines()
LOCKED: dict[str, dict[str, Any]] = json.loads(
    (SITE / "vendoring" / "package-lock.json").read_text(encoding="utf-8")
)["packages"]


def test_every_file_has_the_sum_that_was_written_with_it() -> None:
    lines = [line.split("  ") for line in SUMS if not line.startswith("#")]
    stated = {file: digest for digest, file in lines}
    found = {
        file.relative_to(FOLDER).as_posix(): sha256(file.read_bytes()).hexdigest()
        for file in FOLDER.rglob("*")
        if file.is_file() and file.name != "SUMS"
    }
    assert found == stated


def test_every_file_names_its_packages_with_the_versions_that_are_locked() -> None:
    licences = (FOLDER / "LICENCES.txt").read_text(encoding="utf-8")
    made = {"SUMS", "LICENCES.txt"}
    for line in SUMS:
        if line.startswith("#"):
            package, files = line.removeprefix("# ").split(": ")
            name, version, licence = package.split(" ")
            locked = LOCKED[f"node_modules/{name}"]
            assert (version, licence) == (locked["version"], locked["license"])
            assert f"== {package}: " in licences
            made.update(files.split(" "))
    assert made == {file.name for file in FOLDER.iterdir()}


def test_the_wanted_versions_are_the_locked_ones() -> None:
    wanted = json.loads((SITE / "vendoring" / "package.json").read_text(encoding="utf-8"))
    for group in ("dependencies", "devDependencies"):
        assert LOCKED[""][group] == wanted[group]
        for name, version in wanted[group].items():
            assert LOCKED[f"node_modules/{name}"]["version"] == version


def test_every_locked_package_has_a_sum_and_names_no_registry() -> None:
    packages = {name: entry for name, entry in LOCKED.items() if name}
    assert [name for name, entry in packages.items() if "integrity" not in entry] == []
    assert [name for name, entry in packages.items() if "resolved" in entry] == []


def test_style_sheets_name_only_files_beside_them() -> None:
    for sheet in FOLDER.glob("*.css"):
        for url in re.findall(r"url\(([^)]*)\)", sheet.read_text(encoding="utf-8")):
            assert (FOLDER / url).is_file(), url


def test_the_editor_proposes_only_functions_that_a_query_may_call() -> None:
    dialect = (SITE / "vendoring" / "duckdb.js").read_text(encoding="utf-8")
    listed = re.search(r"const FUNCTIONS = `([^`]+)`", dialect)
    assert listed is not None
    assert set(listed[1].split()) <= FUNCTIONS
