import gzip
from collections.abc import Iterator

import pyarrow as pa
import pytest

from chatlake_client import compression
from chatlake_client.compression import compress
from tests.client.environment import without_pyarrow

TEXT = b'{"content": "Why?"}\n' * 100


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    """Look for pyarrow in each test, and forget what was found."""
    compression.pyarrow_or_none.cache_clear()
    yield
    compression.pyarrow_or_none.cache_clear()


def test_zstd_is_used_where_pyarrow_is_installed() -> None:
    compressed, encoding = compress(TEXT)
    assert encoding == "zstd"
    assert pa.decompress(compressed, len(TEXT), codec="zstd", asbytes=True) == TEXT


def test_gzip_is_used_where_pyarrow_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    without_pyarrow(monkeypatch)
    compressed, encoding = compress(TEXT)
    assert encoding == "gzip"
    assert gzip.decompress(compressed) == TEXT
    assert compress(TEXT)[0] == compressed
