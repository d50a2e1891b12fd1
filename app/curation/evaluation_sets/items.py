"""Reads the items of an evaluation set from a file, and encodes them for the registry."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from app.curation.errors import EvaluationFileInvalid
from app.curation.rules.curating.contamination import EvaluationItem

_PARQUET_MAGIC: Final = b"PAR1"
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


def read_items(
    path: Path, prompt_field: str = "prompt", answer_field: str = "answer"
) -> list[EvaluationItem]:
    """Return the items of a file of JSON lines or Parquet.

    Args:
        path: The file. It is Parquet if it begins as such files do.
        prompt_field: Name of the field with the prompt, which every row has.
        answer_field: Name of the field with the answer. It may be null or absent.

    Raises:
        EvaluationFileInvalid: The file can't be read, has no row, or a row has no prompt.
        OSError: The file can't be opened.
    """
    with path.open("rb") as file:
        is_parquet = file.read(len(_PARQUET_MAGIC)) == _PARQUET_MAGIC
    rows = _parquet_rows(path) if is_parquet else _json_rows(path)
    items = [
        _item(path, number, row, prompt_field, answer_field) for number, row in enumerate(rows, 1)
    ]
    if not items:
        raise EvaluationFileInvalid(path, "it has no row")
    return items


def encode_items(items: Sequence[EvaluationItem]) -> bytes:
    """Return items as JSON lines: the same bytes whatever file the items are from."""
    return b"".join(msgspec.json.encode(item) + b"\n" for item in items)


def decode_items(content: bytes) -> list[EvaluationItem]:
    """Return the items that JSON lines hold, as `encode_items` writes them."""
    return [EvaluationItem(**_decode(line)) for line in content.splitlines()]


def checksum_of(content: bytes) -> str:
    """Return the SHA-256 of encoded items, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _json_rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield _decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise EvaluationFileInvalid(path, f"row {number}: {error}") from error


def _parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches():
                yield from batch.to_pylist()
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise EvaluationFileInvalid(path, str(error)) from error


def _item(
    path: Path, number: int, row: Mapping[str, Any], prompt_field: str, answer_field: str
) -> EvaluationItem:
    prompt, answer = row.get(prompt_field), row.get(answer_field)
    if not isinstance(prompt, str) or not prompt.strip():
        raise EvaluationFileInvalid(path, f"row {number}: {prompt_field!r} is no text")
    if answer is not None and not isinstance(answer, str):
        raise EvaluationFileInvalid(path, f"row {number}: {answer_field!r} is no text")
    return EvaluationItem(prompt=prompt, answer=answer)
