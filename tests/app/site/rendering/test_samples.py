import ast

import pytest

from app.releases.manifest import Manifest, ReleaseFile
from app.site.rendering.samples import SERVER, samples_of
from tests.app.releases.factories import make_manifest

PATH = "/v1/releases/first"
BASE = f"{SERVER}{PATH}/files"


def release_of(files: int, form: str = "parquet") -> Manifest:
    """Return a release with some files in a split, and one in the other."""
    names = [f"train-{number:05}" for number in range(files)]
    return make_manifest(
        files=[
            ReleaseFile(f"{form}/{name}.{form}", 1, 1, "", form, name.partition("-")[0])
            for name in (*names, "test-00000")
        ]
    )


@pytest.mark.parametrize("needs_key", [False, True])
@pytest.mark.parametrize("form", ["parquet", "jsonl"])
@pytest.mark.parametrize("files", [1, 2, 20])
def test_lines_in_python_can_be_parsed(files: int, form: str, needs_key: bool) -> None:
    samples = samples_of(release_of(files, form), PATH, needs_key=needs_key)
    for program in ("datasets", "pandas", "polars"):
        ast.parse(samples[program])
        assert ("headers" in samples[program]) == needs_key
    assert ("BEARER_TOKEN" in samples["DuckDB"]) == needs_key
    assert ("$KEY" in samples["curl"]) == needs_key


def test_every_file_is_named_or_found_by_the_manifest() -> None:
    few = samples_of(release_of(2), PATH, needs_key=False)
    assert f'"{BASE}/parquet/train-00001.parquet"' in few["pandas"]
    assert f"'{BASE}/parquet/test-00000.parquet'" in few["DuckDB"]
    many = samples_of(release_of(20), PATH, needs_key=False)
    assert f'urlopen("{SERVER}{PATH}")' in many["pandas"]
    assert "for number in range(20)" in many["datasets"]


def test_parquet_is_preferred() -> None:
    files = [*release_of(1, "jsonl").files, *release_of(1).files]
    samples = samples_of(make_manifest(files=files), PATH, needs_key=False)
    assert "jsonl" not in samples["polars"]
