"""Kills a committer at each of its writes, syncs, renames and so on, one in each run.

Run `python -m tests.faults.kill_calls`; it needs strace, and ten minutes of processor time.
"""

import re
import signal
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click

from tests.faults.lake import BATCH_ROWS, Lake, run_committer
from tests.programs import program

CALLS: Final = (
    *("write", "pwrite64", "ftruncate", "fsync", "fdatasync"),
    *("mkdir", "rename", "unlink"),
)
_CALL: Final = re.compile(r"^\d+ +(\w+)\(", re.MULTILINE)


def count_calls(folder: Path) -> Counter[str]:
    """Return how often a committer makes each system call to commit one batch."""
    lake, trace = Lake(folder / "counted"), folder / "trace"
    exit_code = _commit_below_strace(lake, f"--output={trace}", f"--trace={','.join(CALLS)}")
    assert exit_code == 0, f"strace exited with {exit_code}"
    lake.check_settled()
    return Counter(_CALL.findall(trace.read_text()))


def kill_at(home: Path, call: str, number: int) -> bool:
    """Kill a committer at a system call, let another take over, and check the result.

    Args:
        home: Home folder of a new lake.
        call: Name of the system call.
        number: Number of the call, from 1.

    Returns:
        Whether the batch was already in the table when the committer was killed.
    """
    lake = Lake(home)
    fault = f"--inject={call}:signal=SIGKILL:when={number}"
    exit_code = _commit_below_strace(lake, "--output=/dev/null", f"--trace={call}", fault)
    assert exit_code == -signal.SIGKILL, f"strace exited with {exit_code}"
    rows = len(lake.rows())
    assert rows in {0, BATCH_ROWS}, f"{rows} of {BATCH_ROWS} rows are in the table"
    lake.recover()
    lake.check_settled()
    return rows == BATCH_ROWS


def _commit_below_strace(lake: Lake, *options: str) -> int:
    wrapper = [program("strace"), "-f", "-qq", *options]
    return run_committer(str(lake.home), wrapper=wrapper).returncode


@click.command()
@click.option("--call", "chosen", multiple=True, type=click.Choice(CALLS), help="All by default.")
@click.option("--every", default=1, show_default=True, type=click.IntRange(min=1))
def main(chosen: tuple[str, ...], every: int) -> None:
    """Kill a committer at every n-th system call; ends at the first that leaves anything wrong."""
    landed = kills = 0
    with TemporaryDirectory(prefix="chatlake-") as folder:
        calls = count_calls(Path(folder))
        for call in chosen or CALLS:
            for number in range(1, calls[call] + 1, every):
                landed += kill_at(Path(folder) / f"{call}-{number}", call, number)
                kills += 1
                place = f"{call} {number} of {calls[call]}"
                click.echo(f"{place}: {kills} kills, {landed} after landing")
    click.echo(f"kills {kills}, acknowledged {kills * BATCH_ROWS}, lost 0, duplicated 0, torn 0")


if __name__ == "__main__":
    main()
