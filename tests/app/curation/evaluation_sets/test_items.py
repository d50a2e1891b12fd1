from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.curation.errors import EvaluationFileInvalid
from app.curation.evaluation_sets.items import decode_items, encode_items, read_items
from app.curation.rules.curating.contamination import EvaluationItem

ITEMS = [EvaluationItem(prompt="Why?\n„So“", answer="So."), EvaluationItem(prompt="How?")]


def test_json_lines_and_parquet_give_the_same_items(tmp_path: Path) -> None:
    lines, table = tmp_path / "set.jsonl", tmp_path / "set.parquet"
    lines.write_text('{"prompt": "Why?\\n„So“", "answer": "So.", "id": 1}\n{"prompt": "How?"}')
    columns: dict[str, Any] = {"prompt": ["Why?\n„So“", "How?"], "answer": ["So.", None]}
    pq.write_table(pa.table(columns), table)
    assert read_items(lines) == read_items(table) == ITEMS
    assert encode_items(read_items(lines)) == encode_items(read_items(table))
    assert decode_items(encode_items(ITEMS)) == ITEMS


def test_fields_may_have_other_names(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text('{"question": "Why?", "answer": 7, "solution": "So."}\n')
    assert read_items(path, "question", "solution") == [EvaluationItem(prompt="Why?", answer="So.")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no row"),
        (b'{"prompt": "x"}\n{"answer": "y"}\n', "row 2: 'prompt' is no text"),
        (b'{"prompt": " "}\n', "row 1: 'prompt' is no text"),
        (b'{"prompt": "x", "answer": 4}\n', "row 1: 'answer' is no text"),
        (b'{"prompt": "x"}\n\n', "row 2: "),
        (b'{"prompt": "\xff"}\n', "row 1: "),
        (b"[1]\n", "row 1: "),
        (b'"prompt"\n', "row 1: "),
        (b"PAR1 and nothing else", "set.file: "),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_row(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "set.file"
    path.write_bytes(content)
    with pytest.raises(EvaluationFileInvalid, match=reason):
        read_items(path)
