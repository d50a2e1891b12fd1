"""Makes the disk of a working server fail for a while, and counts what is in the table afterwards.

Run `python -m tests.faults.ill_disk --cycles 32 [--fault NAME] [--seed N]` as root.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from http import HTTPStatus
from itertools import count, cycle, islice
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import sleep
from typing import Final

import click
import requests

from catalog.storage.sqlite import LOG_BYTES
from tests.factories import make_submission
from tests.faults.campaign import BUSY_COMMITTER, Campaign, Count, report
from tests.faults.disk_faults import FAULTS, DiskFault, Victim
from tests.faults.mounts import Tmpfs
from tests.functional.load import REFUSALS, SOURCE, Load
from tests.functional.server import REQUEST_TIMEOUT_S, Server, eventually

SMALL_DISK: Final = "uploads fill a small disk"
CYCLES: Final = 4 * (len(FAULTS) + 1)
MIB: Final = 1024 * 1024
DISK_BYTES: Final = 1024 * MIB
SMALL_DISK_BYTES: Final = 40 * MIB
SPACE_BACK_BYTES: Final = 16 * MIB
"""What the database may need to grow by, before its log can be moved into it and cut."""
UPLOAD_ROWS: Final = 4_000
# Number of submissions to be acknowledged before, during and after a fault.
ENOUGH: Final = 10
LONGEST_WAIT_S: Final = 1.0


def make_ill(
    folder: Path, faults: Iterable[str], seed: int, say: Callable[[str], None] = lambda _: None
) -> Count:
    """Cause faults under one server, one after the other, and return the counts.

    The server is never restarted, and has the same processes after each fault as before.
    """
    random = Random(seed)  # noqa: S311  # it picks moments, not secrets
    with ExitStack() as stack:
        disk = stack.enter_context(Tmpfs(folder / "disk", DISK_BYTES))
        warehouse = stack.enter_context(Tmpfs(disk.path / "warehouse", DISK_BYTES))
        server = Server(disk.path, **BUSY_COMMITTER)
        stack.callback(server.kill_all)
        server.start()
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


def fill_small_disk(folder: Path, seed: int) -> Count:
    """Fill a disk that holds the whole lake with uploads, give a little space back, and count.

    With that little space, everything acknowledged must become visible, the logs of the databases
    must be truncated, and uploads must be accepted again.
    """
    with ExitStack() as stack:
        disk = stack.enter_context(Tmpfs(folder / "disk", SMALL_DISK_BYTES))
        server = Server(disk.path, maintenance_interval_s=1.0, **BUSY_COMMITTER)
        stack.callback(server.kill_all)
        server.start()
        campaign = Campaign(disk.path, seed)
        uploads = count()
        while _is_taken(server, campaign, next(uploads)):
            pass
        disk.grow(SPACE_BACK_BYTES)
        eventually("everything acknowledged is visible", lambda: server.pending() == 0)
        eventually("the logs are short", lambda: _longest_log_bytes(disk.path) <= LOG_BYTES)
        # Maintenance and derived files may take the space for a moment.
        eventually("uploads are taken", lambda: _is_taken(server, campaign, next(uploads)))
        assert server.stop() == 0, server.log
        campaign.count.cycles += 1
        return campaign.finish()


def _is_taken(server: Server, campaign: Campaign, number: int) -> bool:
    """Upload new conversations, record the result, and tell whether they were accepted."""
    rows = [
        make_submission(f"{number} {each} " * 20, ingest_id=f"{number}-{each}", source=SOURCE)
        for each in range(UPLOAD_ROWS)
    ]
    answer = requests.post(
        f"{server.url}/v1/ingest/chats",
        data=b"".join(json.dumps(row).encode() + b"\n" for row in rows),
        headers={"Content-Type": "application/x-ndjson"},
        timeout=REQUEST_TIMEOUT_S,
    )
    if answer.status_code in REFUSALS:
        campaign.count.refused += 1
        return False
    assert answer.status_code == HTTPStatus.OK, answer.text
    campaign.acknowledged += rows
    campaign.count.acknowledged = len(campaign.acknowledged)
    return True


def _longest_log_bytes(home: Path) -> int:
    return max((log.stat().st_size for log in home.glob("*.db-wal")), default=0)


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
@click.option("--cycles", default=CYCLES, show_default=True, type=click.IntRange(min=1))
@click.option("--fault", "chosen", multiple=True, type=click.Choice([*FAULTS, SMALL_DISK]))
@click.option("--seed", default=0, show_default=True)
def main(cycles: int, chosen: tuple[str, ...], seed: int) -> None:
    """Make the disk fail; exits with 1 when anything was lost, duplicated or made up."""
    faults = Counter(islice(cycle(chosen or [*FAULTS, SMALL_DISK]), cycles))
    total = Count()
    # Each cycle with its own disk and server.
    for _ in range(faults.pop(SMALL_DISK, 0)):
        with TemporaryDirectory(prefix="chatlake-") as folder:
            total += fill_small_disk(Path(folder), seed)
            click.echo(f"{SMALL_DISK}: {total}")
    if faults:
        with TemporaryDirectory(prefix="chatlake-") as folder:
            total += make_ill(Path(folder), faults.elements(), seed, click.echo)
    report(seed, total)


if __name__ == "__main__":
    main()
