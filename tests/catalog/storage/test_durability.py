import array
import errno
import gc
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import pytest

from catalog.storage import durability
from catalog.storage.durability import DurableFile, make_durable_folder, sync_folder
from tests.catalog import strace

_WRITE_ONE = """
import sys
from pathlib import Path
from catalog.storage.durability import DurableFile
with DurableFile(Path(sys.argv[1])) as file:
    file.write(b"whole")
"""


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def _file_size_limit(size_bytes: int) -> Iterator[None]:
    """Make writes of this process fail beyond a file size, as they do on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_appears_under_its_name_only_when_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    file = DurableFile(path)
    file.write(b"first ")
    file.flush()
    assert not path.exists()
    file.write(b"second")
    file.close()
    assert path.read_bytes() == b"first second"
    assert _names(tmp_path) == ["file"]


def test_an_earlier_file_stays_whole_until_the_new_one_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with DurableFile(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


def test_an_exception_in_the_with_block_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), DurableFile(tmp_path / "file") as file:
        file.write(b"half")
        raise KeyError
    assert _names(tmp_path) == []


def test_a_failed_write_leaves_nothing_even_when_the_caller_closes_the_file(tmp_path: Path) -> None:
    file = DurableFile(tmp_path / "file")
    with _file_size_limit(10_000):
        file.write(b"x" * 9_000)
        with pytest.raises(OSError, match="too large") as caught:
            file.write(b"x" * 9_000)
    assert caught.value.errno == errno.EFBIG
    file.close()
    assert _names(tmp_path) == []


def test_a_failed_fsync_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    make_durable_folder(folder)
    output = strace.run_with_fault(
        # The first syncs are those of the folders above.
        _WRITE_ONE,
        folder / "file",
        fault=f"fsync:error=EIO:when={len(folder.parents) + 1}",
    )
    assert "in close" in output
    assert "Input/output error" in output
    assert _names(folder) == []


def test_a_failed_rename_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    file = DurableFile(tmp_path / "taken")
    with pytest.raises(IsADirectoryError):
        file.close()
    assert _names(tmp_path) == ["taken"]
    assert _names(tmp_path / "taken") == []


def test_a_short_write_is_continued(tmp_path: Path) -> None:
    class ShortWrites(FileIO):
        def write(self, data: memoryview) -> int:  # type: ignore[override]  # typeshed names a private buffer type
            return super().write(data[:3])

    class File(DurableFile, ShortWrites):
        pass

    with File(tmp_path / "file") as file:
        assert file.write(b"0123456789") == 10
    assert (tmp_path / "file").read_bytes() == b"0123456789"


def test_a_buffer_of_wide_items_is_counted_in_bytes(tmp_path: Path) -> None:
    numbers = array.array("q", range(3))
    with DurableFile(tmp_path / "file") as file:
        assert file.write(memoryview(numbers)) == 24
    assert (tmp_path / "file").read_bytes() == numbers.tobytes()


@pytest.mark.slow
def test_a_forgotten_file_is_discarded(tmp_path: Path) -> None:
    file = DurableFile(tmp_path / "file")
    file.write(b"forgotten")
    del file
    gc.collect()
    assert _names(tmp_path) == []


def test_closing_again_does_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    file = DurableFile(path)
    file.close()
    path.write_bytes(b"someone else's")
    file.close()
    assert path.read_bytes() == b"someone else's"


def test_the_last_of_two_writers_to_close_publishes_its_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with DurableFile(path) as first:
        first.write(b"first")
        with DurableFile(path) as second:
            second.write(b"the second")
        assert path.read_bytes() == b"the second"
    assert path.read_bytes() == b"first"
    assert _names(tmp_path) == ["file"]


def test_bytes_are_synced_before_the_rename_and_the_folder_after_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "new" / "folder" / "file"
    calls = strace.trace(
        _WRITE_ONE, path, calls="fsync,fdatasync,rename,renameat,renameat2", workspace=tmp_path
    )
    rename = next(i for i, call in enumerate(calls) if call.name.startswith("rename"))
    temporary, name = calls[rename].paths
    assert name == str(path)
    synced_before = [call.paths[0] for call in calls[:rename]]
    assert synced_before[-1] == temporary
    for parent in path.parent.parents:
        assert str(parent) in synced_before, "the entry of a new folder is in its parent"
    assert [call.paths for call in calls[rename + 1 :]] == [(str(path.parent),)]


def test_parents_that_exist_are_synced_once_in_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []

    def record(folder: Path) -> None:
        synced.append(folder)
        sync_folder(folder)

    monkeypatch.setattr(durability, "sync_folder", record)
    folder = tmp_path / "already" / "there"
    folder.mkdir(parents=True)
    make_durable_folder(folder)
    assert synced == list(folder.parents)
    make_durable_folder(folder)
    assert synced == list(folder.parents)


def test_a_folder_that_was_removed_is_made_and_synced_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    make_durable_folder(folder)
    folder.rmdir()
    synced: list[Path] = []
    monkeypatch.setattr(durability, "sync_folder", synced.append)
    make_durable_folder(folder)
    assert folder.is_dir()
    assert tmp_path in synced
