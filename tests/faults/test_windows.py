"""A committer killed in any window of the claim protocol leaves a batch that lands once."""

import signal
from itertools import chain

import pytest

from tests.faults.interrupted_committer import WINDOWS
from tests.faults.lake import BATCH_ROWS, Lake, run_committer

FILES_OF_AN_EMPTY_TABLE = 1
"""The metadata of the table as it was made, and with the columns that came later."""


@pytest.fixture(scope="module")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Lake]:
    """A lake for each window, after a committer was killed there."""
    folder = tmp_path_factory.mktemp("windows")
    lakes = {window: Lake(folder / window.replace(" ", "-")) for window in WINDOWS}
    for lake in lakes.values():
        assert len(lake.table_files()) == FILES_OF_AN_EMPTY_TABLE
    arguments = chain.from_iterable((str(lake.home), window) for window, lake in lakes.items())
    done = run_committer(*arguments)
    assert done.returncode == 0, done.stderr
    assert [int(code) for code in done.stdout.split()] == [-signal.SIGKILL] * len(WINDOWS)
    return lakes


@pytest.mark.parametrize("window", WINDOWS)
def test_a_batch_lands_once_when_its_committer_was_killed(
    lakes: dict[str, Lake], window: str
) -> None:
    lake, expected = lakes[window], WINDOWS[window]
    assert len(lake.table_files()) == FILES_OF_AN_EMPTY_TABLE + expected.files
    assert len(lake.rows()) == (BATCH_ROWS if expected.has_landed else 0)

    lake.recover()

    lake.check_settled()
