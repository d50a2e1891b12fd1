"""Cuts the power of a disk under a working server, again and again, and counts what is left.

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
from tests.faults.lake import migrate
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
    """Cut the power so many times, commit what is left, and return the count.

    Args:
        folder: Where the disk is made.
        filesystem: One of `FILESYSTEMS`.
        cycles: The number of cuts; fewer when the table can't be read after one.
        seed: Decides over moments and texts.
        sync_is_a_lie: Whether fsync and fdatasync do nothing and say that they succeeded.
        say: Is told of each cut.
    """
    with Disk(folder / "disk", filesystem) as disk:
        campaign = Campaign(disk.path, seed)
        random = Random(seed)  # noqa: S311  # it picks moments, not secrets
        wrapper = _lie_of_sync() if sync_is_a_lie else []
        server = Server(disk.path, wrapper=wrapper, **BUSY_COMMITTER)
        migrate(disk.path)
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
        # Processor and disk lose their power together. A server that went on for a moment could
        # acknowledge what ext4 says it has synced in the very moment of its shutdown, wrongly.
        server.freeze()
        disk.cut_power()
        server.kill_all()
    disk.restore_power()
    campaign.count.cycles += 1
    campaign.inspect()


def _lie_of_sync() -> list[str]:
    """Return a command before which every sync of the server succeeds without being done.

    strace becomes no parent of the server, and no process of its session.
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
