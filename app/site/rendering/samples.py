"""Lines of code that load a release from this server, to be copied."""

from collections.abc import Mapping, Sequence
from json import dumps
from typing import Final

from app.releases.manifest import SUMS_FILE, Manifest, ReleaseFile

SERVER: Final = "$LAKE"
"""What stands for the address of this server; `address.js` puts the address there.

The server doesn't know by which address it is reached: what a request says of it may be anything.
"""
_LISTED_FILES: Final = 8
"""Files that are named one by one; the lines for more take their names from the manifest."""
_HEADERS: Final = 'headers = {"Authorization": f"Bearer {KEY}"}  # KEY is your API key'
_PANDAS: Final = {"parquet": "read_parquet(url{})", "jsonl": "read_json(url, lines=True{})"}
_POLARS: Final = {"parquet": "read_parquet", "jsonl": "read_ndjson"}
_DUCKDB: Final = {"parquet": "read_parquet", "jsonl": "read_json"}
_DATASETS: Final = {"parquet": "parquet", "jsonl": "json"}


def samples_of(manifest: Manifest, path: str, *, needs_key: bool) -> Mapping[str, str]:
    """Return lines of code by the program or library that they are for.

    Args:
        manifest: The manifest of the release, which has a data file.
        path: Path of the release on this server, such as `/v1/releases/2026-11`.
        needs_key: Whether the release needs a key, which the lines then send.
    """
    form = "parquet" if any(file.format == "parquet" for file in manifest.files) else "jsonl"
    files = [file for file in manifest.files if file.format == form]
    release = f"{SERVER}{path}"
    base = f"{release}/files"
    return {
        "datasets": _datasets(base, files, form, needs_key=needs_key),
        "pandas": _pandas(release, files, form, needs_key=needs_key),
        "polars": _polars(release, files, form, needs_key=needs_key),
        "DuckDB": _duckdb(base, files, form, needs_key=needs_key),
        "curl": _curl(base, needs_key=needs_key),
    }


def _datasets(base: str, files: Sequence[ReleaseFile], form: str, *, needs_key: bool) -> str:
    splits = dict.fromkeys(file.split for file in files)
    lines = ["from datasets import load_dataset", "", f'base = "{base}"']
    names = []
    for split in splits:
        of_split = [file for file in files if file.split == split]
        first = of_split[0].path
        if len(of_split) == 1:
            names.append(f'    "{split}": f"{{base}}/{first}",')
        else:
            numbered = first.replace("00000", "{number:05}")
            one = f'f"{{base}}/{numbered}" for number in range({len(of_split)})'
            names.append(f'    "{split}": [{one}],')
    lines += ["files = {", *names, "}"]
    options = ""
    if needs_key:
        scheme = 'base.partition(":")[0]'
        lines += [_HEADERS, f'options = {{{scheme}: {{"headers": headers}}}}']
        options = ", storage_options=options"
    lines.append(f'release = load_dataset("{_DATASETS[form]}", data_files=files{options})')
    return "\n".join(lines)


def _pandas(release: str, files: Sequence[ReleaseFile], form: str, *, needs_key: bool) -> str:
    options = ", storage_options=headers" if needs_key else ""
    return "\n".join(
        [
            "import pandas as pd",
            *_urls(release, files, form, needs_key=needs_key),
            f"release = pd.concat(pd.{_PANDAS[form].format(options)} for url in urls)",
        ]
    )


def _polars(release: str, files: Sequence[ReleaseFile], form: str, *, needs_key: bool) -> str:
    read = f"pl.{_POLARS[form]}"
    if not needs_key:
        last = f"release = pl.concat({read}(url) for url in urls)"
        return "\n".join(
            ["import polars as pl", *_urls(release, files, form, needs_key=False), last]
        )
    return "\n".join(
        [
            "from urllib.request import Request, urlopen",
            "",
            "import polars as pl",
            *_urls(release, files, form, needs_key=True),
            "answers = (urlopen(Request(url, headers=headers)) for url in urls)",
            f"release = pl.concat({read}(answer.read()) for answer in answers)",
        ]
    )


def _duckdb(base: str, files: Sequence[ReleaseFile], form: str, *, needs_key: bool) -> str:
    urls = [f"    '{base}/{file.path}'" for file in files]
    secret = ["CREATE SECRET (TYPE http, BEARER_TOKEN 'YOUR API KEY');"] if needs_key else []
    return "\n".join([*secret, f"FROM {_DUCKDB[form]}([", ",\n".join(urls), "]);"])


def _curl(base: str, *, needs_key: bool) -> str:
    curl = 'curl -fL -H "Authorization: Bearer $KEY"' if needs_key else "curl -fL"
    return "\n".join(
        [
            f"base={base}",
            f"{curl} -O $base/{SUMS_FILE}",
            f"cut -c67- {SUMS_FILE} | xargs -I {{}} {curl} --create-dirs -o {{}} $base/{{}}",
            f"sha256sum --check {SUMS_FILE}",
        ]
    )


def _urls(release: str, files: Sequence[ReleaseFile], form: str, *, needs_key: bool) -> list[str]:
    """Return lines that list the addresses of files in Python, and the headers of a key."""
    headers = [_HEADERS] if needs_key else []
    if len(files) <= _LISTED_FILES:
        urls = [f"    {dumps(f'{release}/files/{file.path}')}," for file in files]
        return ["", *headers, "urls = [", *urls, "]"]
    address = f'Request("{release}", headers=headers)' if needs_key else f'"{release}"'
    return [
        "import json",
        "from urllib.request import Request, urlopen",
        "",
        *headers,
        f'files = json.load(urlopen({address}))["files"]',
        f'paths = [file["path"] for file in files if file["format"] == "{form}"]',
        f'urls = [f"{release}/files/{{path}}" for path in paths]',
    ]
