"""Holds many connections open, and measures how other clients are served meanwhile.

Run `python -m tests.faults.slow_bodies`; it needs nginx. With `--direct` there is no nginx in
between. Some of the connections send bodies a byte at a time (`--senders`); others are idle after
their first request (`--idle`). With none of both, the machine itself is measured.
"""

import asyncio
import json
import os
import resource
from asyncio import Barrier, Event, StreamReader, StreamWriter
from contextlib import ExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any, Final

import click
import requests

from tests.factories import make_submission
from tests.faults.campaign import Campaign, report
from tests.faults.nginx import proxied
from tests.functional.load import SOURCE
from tests.functional.server import Server

LOOPBACK: Final = "127.0.0.1"
SENDERS_OF_AN_ADDRESS: Final = 25
"""Slow connections from one address, below nginx's limit for each address."""
BYTE_INTERVAL_S: Final = 1.0
HONEST_TIMEOUT_S: Final = 20.0
"""An answer comes sooner on a busy machine too, and a slow body takes longer: body_timeout_s."""
HONEST_PAUSE_S: Final = 0.02
HEALTH_P99_LIMIT_S: Final = 0.2
# Sending such a text slowly takes longer than the measurement.
_LONG_TEXT: Final = "slow " * 100


@dataclass
class Service:
    """How all clients were served while slow bodies were being sent.

    Attributes:
        health_s: Time of each health check that was answered.
        unhealthy: Number of health checks without an answer in time, or without a 200.
        refused: Number of honest submissions that weren't acknowledged in time.
        abandoned: Number of slow submissions that weren't acknowledged at their end, and of
            requests of idle connections that weren't answered.
    """

    health_s: list[float] = field(default_factory=list)
    unhealthy: int = 0
    refused: int = 0
    abandoned: int = 0

    @property
    def health_p99_s(self) -> float:
        """99th percentile of the time of answered health checks."""
        return quantiles(self.health_s, n=100)[-1] if len(self.health_s) > 1 else float("inf")

    @property
    def is_bearable(self) -> bool:
        """Whether no client was refused or had to wait for long."""
        turned_away = self.unhealthy + self.refused + self.abandoned
        return not turned_away and self.health_p99_s < HEALTH_P99_LIMIT_S

    def __str__(self) -> str:
        return (
            f"health answers {len(self.health_s)}, p99 {self.health_p99_s * 1000:.0f} ms, "
            f"unhealthy {self.unhealthy}, honest refused {self.refused}, "
            f"slow abandoned {self.abandoned}"
        )


@dataclass
class SlowCrowd:
    """Slow senders, idle connections and honest clients of one port.

    Attributes:
        port: The server's port on the loopback interface.
        campaign: The record of acknowledged submissions.
        service: How the clients were served.
    """

    port: int
    campaign: Campaign
    service: Service = field(default_factory=Service)

    async def run(self, senders: int, idle: int, duration_s: float) -> None:
        """Open the connections, measure for a duration, and let the slow senders finish."""
        all_are_slow, hurry = Barrier(senders + idle + 1), Event()
        async with asyncio.TaskGroup() as crowd:
            for number in range(senders):
                crowd.create_task(self._send_slowly(number, all_are_slow, hurry))
            for number in range(senders, senders + idle):
                crowd.create_task(self._stay_idle(number, all_are_slow, hurry))
            await all_are_slow.wait()
            await asyncio.to_thread(self._be_honest, duration_s)
            hurry.set()

    async def _send_slowly(self, number: int, all_are_slow: Barrier, hurry: Event) -> None:
        submission = _submission("slow", number)
        body = json.dumps(submission).encode()
        reader, writer = await self._connect(number)
        writer.write(_head(len(body)))
        await all_are_slow.wait()
        try:
            status = await _trickle(body, reader, writer, hurry)
        except (OSError, asyncio.IncompleteReadError):
            status = None
        finally:
            writer.close()
        if status == HTTPStatus.OK:
            self.campaign.acknowledged.append(submission)
        else:
            self.campaign.unanswered.append(submission)
            self.service.abandoned += 1

    async def _stay_idle(self, number: int, all_are_idle: Barrier, hurry: Event) -> None:
        """Ask once and keep the connection; open another one whenever the server closes it."""
        await all_are_idle.wait()
        while not hurry.is_set():
            reader, writer = await self._connect(number)
            try:
                writer.write(b"GET /v1/health/ HTTP/1.1\r\nHost: lake\r\n\r\n")
                is_answered = (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200 ")
                self.service.abandoned += not is_answered
                closed, hurried = map(asyncio.ensure_future, (reader.read(), hurry.wait()))
                await asyncio.wait((closed, hurried), return_when=asyncio.FIRST_COMPLETED)
                hurried.cancel()
            except (OSError, asyncio.IncompleteReadError):
                self.service.abandoned += 1
            finally:
                writer.close()

    async def _connect(self, number: int) -> tuple[StreamReader, StreamWriter]:
        address = f"127.0.1.{1 + number // SENDERS_OF_AN_ADDRESS}"
        return await asyncio.open_connection(LOOPBACK, self.port, local_addr=(address, 0))

    def _be_honest(self, duration_s: float) -> None:
        """Check the health and submit alternately, each time on a new connection."""
        url = f"http://{LOOPBACK}:{self.port}/v1"
        deadline = monotonic() + duration_s
        for number in count():
            if monotonic() > deadline:
                return
            self._ask_for_health(f"{url}/health/")
            self._submit(f"{url}/ingest/chat", _submission("honest", number))
            sleep(HONEST_PAUSE_S)

    def _ask_for_health(self, url: str) -> None:
        started = monotonic()
        try:
            is_healthy = requests.get(url, timeout=HONEST_TIMEOUT_S).ok
        except requests.RequestException:
            is_healthy = False
        if is_healthy:
            self.service.health_s.append(monotonic() - started)
        else:
            self.service.unhealthy += 1

    def _submit(self, url: str, submission: dict[str, Any]) -> None:
        try:
            is_acknowledged = requests.post(url, json=submission, timeout=HONEST_TIMEOUT_S).ok
        except requests.RequestException:
            is_acknowledged = False
        if is_acknowledged:
            self.campaign.acknowledged.append(submission)
        else:
            self.campaign.unanswered.append(submission)
            self.service.refused += 1


def _submission(kind: str, number: int) -> dict[str, Any]:
    ingest_id = f"{kind}-{number}"
    return make_submission(f"{ingest_id} {_LONG_TEXT}", ingest_id=ingest_id, source=SOURCE)


def _head(body_bytes: int) -> bytes:
    lines = (
        "POST /v1/ingest/chat HTTP/1.1",
        f"Host: {LOOPBACK}",
        "Content-Type: application/json",
        f"Content-Length: {body_bytes}",
        "Connection: close",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


async def _trickle(body: bytes, reader: StreamReader, writer: StreamWriter, hurry: Event) -> int:
    """Send a body slowly, and the rest of it at once when `hurry` is set; return the status."""
    sent = 0
    while sent < len(body) and not hurry.is_set():
        writer.write(body[sent : sent + 1])
        await writer.drain()
        sent += 1
        try:
            await asyncio.wait_for(hurry.wait(), BYTE_INTERVAL_S)
        except TimeoutError:
            continue
    writer.write(body[sent:])
    await writer.drain()
    answer = await reader.readuntil(b"\r\n")
    return int(answer.split()[1])


def crowd_in(
    folder: Path, duration_s: float, *, senders: int = 0, idle: int = 0, direct: bool = False
) -> tuple[Campaign, Service]:
    """Hold connections open for a duration; return the campaign, and how the clients were served.

    Args:
        folder: Folder for the lake's state and nginx's files.
        duration_s: How long the other clients are measured.
        senders: Number of slow senders.
        idle: Number of idle connections.
        direct: Whether clients reach the server without nginx.
    """
    campaign = Campaign(folder / "home", 0)
    with ExitStack() as stack:
        server = stack.enter_context(Server(campaign.home))
        port = server.port if direct else stack.enter_context(proxied(folder, server.port))
        crowd = SlowCrowd(port, campaign)
        asyncio.run(crowd.run(senders, idle, duration_s))
    campaign.count.cycles = senders + idle
    campaign.count.acknowledged = len(campaign.acknowledged)
    campaign.count.unanswered = len(campaign.unanswered)
    campaign.finish()
    return campaign, crowd.service


@click.command()
@click.option("--senders", default=500, show_default=True, type=click.IntRange(min=0))
@click.option("--idle", default=500, show_default=True, type=click.IntRange(min=0))
@click.option("--duration-s", default=20.0, show_default=True, type=click.FloatRange(min=1))
@click.option("--direct", is_flag=True, help="Without nginx before the server.")
def main(senders: int, idle: int, duration_s: float, direct: bool) -> None:
    """Hold connections; exits with 1 when anything was lost, or others were refused or waited."""
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    with TemporaryDirectory(prefix="chatlake-") as folder:
        campaign, service = crowd_in(
            Path(folder), duration_s, senders=senders, idle=idle, direct=direct
        )
    click.echo(f"{service}; load of the machine {os.getloadavg()[0]:.1f}")
    report(campaign.seed, campaign.count)
    if not service.is_bearable:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
