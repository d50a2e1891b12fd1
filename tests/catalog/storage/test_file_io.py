from pathlib import Path

import pytest
from pyiceberg.io import FileIO, load_file_io
from pyiceberg.io.pyarrow import PyArrowFile

from catalog.storage.file_io import FILE_IO, DurableFileIO


@pytest.fixture
def io() -> FileIO:
    return load_file_io({"py-io-impl": FILE_IO})


def test_pyiceberg_loads_it_by_name(io: FileIO) -> None:
    assert isinstance(io, DurableFileIO)


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_local_file_appears_only_when_it_is_whole(
    io: FileIO, tmp_path: Path, scheme: str
) -> None:
    path = tmp_path / "deep" / "folder" / "file"
    output = io.new_output(f"{scheme}{path}")
    with output.create() as stream:
        stream.write(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert len(output) == 5
    with output.to_input_file().open() as source:
        assert source.read() == b"whole"


def test_a_write_that_fails_leaves_no_file(io: FileIO, tmp_path: Path) -> None:
    with pytest.raises(KeyError), io.new_output(str(tmp_path / "file")).create() as stream:
        stream.write(b"half")
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_replaced_only_with_overwrite(io: FileIO, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    output = io.new_output(f"file://{path}")
    with pytest.raises(FileExistsError, match=str(path)):
        output.create(overwrite=False)
    assert path.read_bytes() == b"old"
    with output.create(overwrite=True) as stream:
        stream.write(b"new")
    assert path.read_bytes() == b"new"


def test_an_object_store_keeps_pyicebergs_own_output() -> None:
    properties = {
        "s3.endpoint": "http://127.0.0.1:1",
        "s3.region": "test",
        "s3.access-key-id": "test",
        "s3.secret-access-key": "test",
    }
    output = load_file_io({"py-io-impl": FILE_IO, **properties}).new_output("s3://bucket/key")
    assert type(output) is PyArrowFile
