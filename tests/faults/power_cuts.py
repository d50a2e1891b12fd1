"""Cuts the power of a disk under a working server repeatedly, and counts what is in the table.

Run `python -m tests.faults.power_cuts --cycles 20 [--filesystem xfs] [--seed N]` as root. With
`--lie` the kernel only pretends to sync: the campaign must then find losses.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

import click

from tests.faults.campaign import BUSY_COMMITTER, Campaign, Count, reach_a_random_moment, report
from tests.faults.mounts import Disk
from tests.functional.server import Server
from tests.programs import program

FILESYSTEMS: Final = ("ext4", "xfs")


def cut_power(
    folder: Path,
    filesystem: str,
    cycles: int,
    seed: int,
    *,
    sync_is_a_lie: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Count:
    """Cut the power a number of times, commit what is pending, and return the counts.

    Args:
        folder: Folder in which the disk is made.
        filesystem: One of `FILESYSTEMS`.
        cycles: Number of cuts. The campaign ends early when the table can't be read after one.
        seed: Seed of the random moments and texts.
        sync_is_a_lie: Whether fsync and fdatasync report success without doing anything.
        say: Gets a line about each cut.
    """
    with Disk(folder / "disk", filesystem) as disk:
        campaign = Campaign(disk.path, seed)
        random = Random(seed)  # noqa: S311  # it picks moments, not secrets
        wrapper = _lie_of_sync() if sync_is_a_lie else []
        server = Server(disk.path, wrapper=wrapper, **BUSY_COMMITTER)
        server.migrate()
        try:
            while campaign.count.cycles < cycles and not campaign.count.unreadable:
                _cut_once(disk, server, campaign, random)
                say(f"power cut: {campaign.count}")
        finally:
            server.kill_all()
        return campaign.count if campaign.count.unreadable else campaign.finish()


def _cut_once(disk: Disk, server: Server, campaign: Campaign, random: Random) -> None:
    server.spawn()
    server.wait_until_ready()
    with campaign.load(server) as load:
        reach_a_random_moment(server, load, random)
        # Processor and disk lose their power together. If the server went on, it could acknowledge
        # a sync that ext4 wrongly reports as successful during its shutdown.
        server.freeze()
        disk.cut_power()
        server.kill_all()
    disk.restore_power()
    campaign.count.cycles += 1
    campaign.inspect()


def _lie_of_sync() -> list[str]:
    """Return a command prefix under which every sync succeeds without being done.

    With these options strace is neither a parent of the server nor in its session.
    """
    calls = "fsync,fdatasync,sync_file_range,msync"
    quiet = ["-qqq", "-o", "/dev/null"]
    lie = ["-e", f"trace={calls}", "-e", f"inject={calls}:retval=0"]
    return [program("strace"), "-f", "-DDD", "--seccomp-bpf", *quiet, *lie]


@click.command()
@click.option("--cycles", default=20, show_default=True, type=click.IntRange(min=1))
@click.option("--filesystem", default="ext4", show_default=True, type=click.Choice(FILESYSTEMS))
@click.option("--seed", default=0, show_default=True)
@click.option("--lie", is_flag=True, help="Have every sync succeed without being done.")
def main(cycles: int, filesystem: str, seed: int, lie: bool) -> None:
    """Cut the power; exits with 1 when anything was lost, duplicated or can't be read."""
    with TemporaryDirectory(prefix="chatlake-") as folder:
        count = cut_power(Path(folder), filesystem, cycles, seed, sync_is_a_lie=lie, say=click.echo)
    report(seed, count)


if __name__ == "__main__":
    main()
