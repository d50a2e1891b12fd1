"""Measures streamcast: a broker, and its own client over WebSocket on the loopback interface."""

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep

import _rows
import click
import streamcast
from _figure import Figure
from _loopback import free_port

_START_TIMEOUT_S = 60
_STOP_TIMEOUT_S = 90
_ROWS_IN_FRAME = 500
"""About half a megabyte; the broker's default limit of a frame is one."""

_settle = click.option(
    "--settle", type=float, required=True, help="Seconds for the broker's processes to start."
)

Publish = Callable[[streamcast.Publication, float], Awaitable[int]]
"""Publishes over one connection until a time, and returns the number of durable rows."""


@click.group()
def main() -> None:
    """Measure one way to store rows durably in a new stream, and print the figure."""


@main.command()
@click.argument("row", type=click.Path(path_type=Path))
@click.option("--seconds", type=float, required=True)
@click.option("--connections", type=int, required=True)
@click.option("--pipelined", is_flag=True, help="Send on without waiting for answers.")
@_settle
def send(row: Path, seconds: float, connections: int, pipelined: bool, settle: float) -> None:
    """Send a row at a time from many connections."""
    [only] = _rows.read(row)

    async def wait_for_each(publication: streamcast.Publication, until: float) -> int:
        sent = 0
        while monotonic() < until:
            await publication.send(only)
            sent += 1
        return sent

    async def submit(publication: streamcast.Publication, until: float) -> int:
        answers = []
        while monotonic() < until:
            answers.append(await publication.submit(only))
        return len(await asyncio.gather(*answers))

    with _broker(settle) as uri:
        publish = submit if pipelined else wait_for_each
        print(asyncio.run(_publish(uri, publish, connections, seconds)).to_json())


@main.command()
@click.argument("rows", type=click.Path(path_type=Path))
@_settle
def send_many(rows: Path, settle: float) -> None:
    """Send ready dicts in large frames over one connection, without waiting in between."""
    ready = _rows.read(rows)

    async def submit_all() -> Figure:
        async with streamcast.publish(uri) as publication:
            started = monotonic()
            answers = [
                await publication.submit_many(group)
                for group in _rows.groups(ready, _ROWS_IN_FRAME)
            ]
            offsets = await asyncio.gather(*answers)
            return Figure(sum(map(len, offsets)), monotonic() - started)

    with _broker(settle) as uri:
        print(asyncio.run(submit_all()).to_json())


async def _publish(uri: str, publish: Publish, connections: int, seconds: float) -> Figure:
    async with AsyncExitStack() as stack:
        publications = [
            await stack.enter_async_context(streamcast.publish(uri)) for _ in range(connections)
        ]
        started = monotonic()
        stored = await asyncio.gather(
            *(publish(publication, started + seconds) for publication in publications)
        )
        return Figure(sum(stored), monotonic() - started)


@contextmanager
def _broker(settle_s: float) -> Iterator[str]:
    """Serve an empty stream; yield its URI when its maintenance has started as well."""
    program = Path(__file__).with_name("streamcast_server.py")
    port = free_port()
    uri = f"ws://127.0.0.1:{port}/rows"
    with (
        tempfile.TemporaryDirectory() as root,
        subprocess.Popen([sys.executable, program, root, str(port)]) as process,
    ):
        try:
            asyncio.run(_wait_for(uri))
            sleep(settle_s)
            yield uri
        finally:
            process.terminate()
            process.wait(_STOP_TIMEOUT_S)


async def _wait_for(uri: str) -> None:
    async with asyncio.timeout(_START_TIMEOUT_S):
        while True:
            try:
                async with streamcast.publish(uri):
                    return
            except OSError:
                await asyncio.sleep(0.1)


if __name__ == "__main__":
    main()
