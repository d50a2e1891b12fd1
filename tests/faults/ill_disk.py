"""Makes the disk of a server ill while it works, lets it recover, and counts what is left.

Run `python -m tests.faults.ill_disk --cycles 28 [--fault NAME] [--seed N]` as root.
"""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import sleep
from typing import Final

import click

from tests.faults.campaign import BUSY_COMMITTER, Campaign, Count, report
from tests.faults.disk_faults import FAULTS, DiskFault, Victim
from tests.faults.lake import migrate
from tests.faults.mounts import Tmpfs
from tests.functional.load import Load
from tests.functional.server import Server, eventually

MIB: Final = 1024 * 1024
DISK_BYTES: Final = 1024 * MIB
# So often something must be seen before, in and after a fault; it then lasts a while longer.
ENOUGH: Final = 10
LONGEST_WAIT_S: Final = 1.0


def make_ill(
    folder: Path, faults: Iterable[str], seed: int, say: Callable[[str], None] = lambda _: None
) -> Count:
    """Make these faults to one server, one after the other, and return the count.

    The server is never restarted. After each fault it has the processes that it had before.
    """
    random = Random(seed)  # noqa: S311  # it picks moments, not secrets
    with ExitStack() as stack:
        disk = stack.enter_context(Tmpfs(folder / "disk", DISK_BYTES))
        warehouse = stack.enter_context(Tmpfs(disk.path / "warehouse", DISK_BYTES))
        migrate(disk.path)
        server = Server(disk.path, **BUSY_COMMITTER)
        stack.callback(server.kill_all)
        server.spawn()
        server.wait_until_ready()
        campaign = Campaign(disk.path, seed)
        victim = Victim(server, disk, warehouse, random)
        for name in faults:
            before = server.complete()
            with campaign.load(server) as load:
                _fall_ill(victim, load, FAULTS[name])
                _recover(server, load)
            assert server.complete() == before, f"processes ended because {name}"
            campaign.count.cycles += 1
            campaign.inspect()
            say(f"{name}: {campaign.count}")
        assert server.stop() == 0, server.log
        return campaign.finish()


def _fall_ill(victim: Victim, load: Load, fault: DiskFault) -> None:
    load.wait_for(ENOUGH)
    with fault.make(victim):
        if fault.refuses:
            eventually("submissions are refused", lambda: load.refused > 0)
        else:
            load.wait_for(ENOUGH)
        if fault.fails_commits:
            failed = _failed_commits(victim.server)
            eventually("a commit fails", lambda: _failed_commits(victim.server) > failed)
            load.wait_for(ENOUGH)
        sleep(victim.random.uniform(0, LONGEST_WAIT_S))


def _failed_commits(server: Server) -> int:
    return server.log.count("commit failed")


def _recover(server: Server, load: Load) -> None:
    load.wait_for(ENOUGH)
    commits = server.commits
    eventually("commits go on", lambda: server.commits > commits)


@click.command()
@click.option("--cycles", default=4 * len(FAULTS), show_default=True, type=click.IntRange(min=1))
@click.option("--fault", "chosen", multiple=True, type=click.Choice(list(FAULTS)))
@click.option("--seed", default=0, show_default=True)
def main(cycles: int, chosen: tuple[str, ...], seed: int) -> None:
    """Make the disk ill; exits with 1 when anything was lost, duplicated or made up."""
    faults = islice(cycle(chosen or FAULTS), cycles)
    with TemporaryDirectory(prefix="chatlake-") as folder:
        count = make_ill(Path(folder), faults, seed, click.echo)
    report(seed, count)


if __name__ == "__main__":
    main()
