"""Measures what each operation costs on a lake of a given size: run it with growing sizes.

Nothing is compared in one run. A figure that grows with the lake shows itself beside that of a lake
of a tenth of the rows.
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from http import HTTPStatus
from itertools import cycle
from os import getpid
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from statistics import median
from time import perf_counter, process_time
from typing import Final

import _columns
import _conversations
import _curate
import _lake
import _memory
import _scale_lake
import _servers
import click
import requests
from werkzeug import Response

from app import create_app
from app.settings import Settings

_TIMEOUT_S: Final = 1_800
_SETTINGS: Final = {"sql_timeout_s": 60, "read_timeout_s": _TIMEOUT_S}
_WAITING: Final = {"newest_page_after_commit"}
"""The measures that wait for a committer."""
_PIECE_BYTES: Final = 1024 * 1024
_ARROW: Final = {"Accept": "application/vnd.apache.arrow.stream"}
_CHAT: Final = "ingest/chat"
_JSON: Final = {"Content-Type": "application/json"}
_NDJSON: Final = {"Content-Type": "application/x-ndjson"}


@dataclass(frozen=True)
class _Result:
    """What a measure took.

    Attributes:
        measure: Name of the measure.
        cold_ms: Time of the first request after the server was started.
        ms: Median time of the requests after it.
        cpu_ms: Processor time of all processes of the server for each of these.
        rss_mib: The most memory that a worker had, shared pages included.
        rows: Conversations of the lake.
    """

    measure: str
    cold_ms: float | None
    ms: float
    cpu_ms: float
    rss_mib: float
    rows: int


class _Server:
    """A server of the lake, and requests to it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()

    def get(self, path: str, headers: dict[str, str] | None = None) -> None:
        """Ask, and read the answer to its end."""
        with self._session.get(
            f"{self._url}/v1/{path}", headers=headers, stream=True, timeout=_TIMEOUT_S
        ) as answer:
            answer.raise_for_status()
            for _ in answer.iter_content(_PIECE_BYTES):
                pass

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> None:
        """Send a body, and read the answer."""
        self._session.post(
            f"{self._url}/v1/{path}", body, headers=headers, timeout=_TIMEOUT_S
        ).raise_for_status()


class _Application:
    """The application in this process, asked as a server is."""

    def __init__(self, home: Path) -> None:
        self._client = create_app(Settings.at(home, **_SETTINGS)).test_client()

    def get(self, path: str, headers: dict[str, str] | None = None) -> None:
        """Ask, and read the answer to its end."""
        with self._client.get(f"/v1/{path}", headers=headers, buffered=False) as answer:
            self._check(answer)
            for _ in answer.response:
                pass

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> None:
        """Send a body, and read the answer."""
        with self._client.post(f"/v1/{path}", data=body, headers=headers) as answer:
            self._check(answer)

    @staticmethod
    def _check(answer: Response) -> None:
        if answer.status_code >= HTTPStatus.BAD_REQUEST:
            raise RuntimeError(answer.get_data(as_text=True))


_Service = _Server | _Application


Measure = Callable[[_Service, int], Callable[[], object]]
"""Prepares a request to a service, whose number is given, and returns what is to be measured."""


@click.command()
@click.option("--rows", default=100_000, show_default=True, help="Conversations of the lake.")
@click.option("--days", default=120, show_default=True, help="Days over which they are spread.")
@click.option("--repeat", default=5, show_default=True, help="Warm requests of each measure.")
@click.option("--home", type=click.Path(path_type=Path), help="Where to make the lake and keep it.")
@click.option("--curate/--no-curate", default=False, help="Also curate, and then one more row.")
@click.option("--in-process", is_flag=True, help="Ask the application without a server.")
@click.argument("measures", nargs=-1)
def main(
    rows: int,
    days: int,
    repeat: int,
    home: Path | None,
    curate: bool,
    in_process: bool,
    measures: tuple[str, ...],
) -> None:
    """Make a lake, or take the one that is in the folder, and print a JSON line for each measure.

    MEASURES are names of measures; all by default, but in one process those that wait for a
    committer. What is measured in one process is warm with what others have read, and its memory is
    the most until then. On a busy machine its processor time tells more than a server's, whose idle
    processes count as well, for as long as it takes.
    """
    with tempfile.TemporaryDirectory() as scratch:
        lake = home or Path(scratch) / "lake"
        facts = _scale_lake.prepare(lake, rows, days)
        known = _measures(facts)
        if unknown := set(measures) - set(known):
            raise click.UsageError(f"unknown: {sorted(unknown)}; known: {', '.join(known)}")
        if in_process:
            application = _Application(lake)
            for name in measures or [name for name in known if name not in _WAITING]:
                _print(_measure_here(application, rows, name, known[name], repeat))
        else:
            for name in measures or known:
                _print(_measure(lake, rows, name, known[name], repeat))
        if curate:
            _print(_curated(lake, rows))


def _print(result: _Result) -> None:
    print(json.dumps(asdict(result)), flush=True)


def _measures(facts: _scale_lake.Facts) -> dict[str, Measure]:
    ids, contributor_ids = cycle(facts.ids), cycle(facts.contributor_ids)
    hashes = cycle(facts.hashes)
    newest, before, oldest = facts.history[-1], facts.history[-2], facts.history[0]
    middle = facts.history[len(facts.history) // 2]
    return {
        "submission": _post(_CHAT, 1, _JSON),
        "upload_of_1000": _post("ingest/chats", 1_000, _NDJSON),
        "by_id": _get(lambda: f"contributions/{next(ids)}"),
        "versions": _get(lambda: f"contributions/{next(ids)}/versions"),
        "first_page": _get(lambda: "contributions?limit=100"),
        "newest_page": _get(lambda: "contributions?limit=100&sort=-received_at"),
        "newest_page_after_commit": _newest_page_after_commit,
        "day_as_arrow": _get(lambda: f"contributions?day={facts.day}", _ARROW),
        "contributor": _get(lambda: f"contributions?contributor_id={next(contributor_ids)}"),
        "content_hash": _get(lambda: f"contributions?content_hash={next(hashes)}"),
        "absent_hash": _get(lambda: f"contributions?content_hash={'8' * 64}"),
        "rare_model": _get(lambda: f"contributions?model={_scale_lake.RARE_MODEL}"),
        "absent_model": _get(lambda: "contributions?model=model-of-none"),
        "frequent_model": _get(lambda: "contributions?model=model-1&limit=100"),
        "rare_word": _get(lambda: f"contributions?q={_scale_lake.RARE_WORD}"),
        "rare_phrase": _get(lambda: f"contributions?q={_scale_lake.RARE_PHRASE}"),
        "absent_word": _get(lambda: "contributions?q=qqzzxy"),
        "frequent_word": _get(lambda: "contributions?q=the&limit=100"),
        "count": _get(lambda: "contributions/count"),
        "count_of_middle": _get(lambda: f"contributions/count?snapshot_id={middle.snapshot_id}"),
        "stats_by_day": _get(lambda: "stats"),
        "stats_by_source": _get(lambda: "stats?by=source"),
        "stats_by_rating": _get(lambda: "stats?by=rating"),
        "stats_by_contributor": _get(lambda: "stats?by=contributor_id"),
        "sources_of_middle": _get(lambda: f"stats?by=source&snapshot_id={middle.snapshot_id}"),
        "contributors_of_middle": _get(
            lambda: f"stats?by=contributor_id&snapshot_id={middle.snapshot_id}"
        ),
        "changes": _get(lambda: f"changes?since={before.snapshot_id}&limit=1000"),
        "diff_of_neighbours": _get(lambda: f"snapshots/{before.snapshot_id}/diff/now?limit=10"),
        "diff_of_far_apart": _get(lambda: f"snapshots/{oldest.snapshot_id}/diff/now?limit=10"),
        "as_of": _get(lambda: f"snapshots/as_of:{middle.committed_at:%Y-%m-%dT%H:%M:%SZ}"),
        "snapshots": _get(lambda: f"snapshots/{newest.snapshot_id}"),
        "sql_count": _sql("SELECT count(*) FROM contributions"),
        "sql_group": _sql("SELECT source, count(*) FROM contributions GROUP BY source"),
        "sql_day": _sql(
            f"FROM contributions SELECT count(*) WHERE received_at::DATE = '{facts.day}'"
        ),
        "sql_newest_ten": _sql("SELECT * FROM contributions ORDER BY received_at DESC LIMIT 10"),
    }


def _get(path: Callable[[], str], headers: dict[str, str] | None = None) -> Measure:
    def prepare(server: _Service, _number: int) -> Callable[[], object]:
        return lambda: server.get(path(), headers)

    return prepare


def _post(path: str, rows: int, headers: dict[str, str]) -> Measure:
    def prepare(server: _Service, number: int) -> Callable[[], object]:
        body = b"".join(_lines(rows, number))
        return lambda: server.post(path, body, headers)

    return prepare


def _sql(query: str) -> Measure:
    def prepare(server: _Service, _number: int) -> Callable[[], object]:
        return lambda: server.post("sql", json.dumps({"query": query}).encode(), _JSON)

    return prepare


def _newest_page_after_commit(server: _Service, number: int) -> Callable[[], object]:
    server.post(_CHAT, next(_lines(1, number)), {**_JSON, "Prefer": "wait=20"})
    return lambda: server.get("contributions?limit=100&sort=-received_at")


def _lines(rows: int, number: int) -> Iterator[bytes]:
    return _conversations.lines(rows, f"{perf_counter()}-{number}-of-the-benchmark")


def _measure(home: Path, rows: int, name: str, prepare: Measure, repeat: int) -> _Result:
    """Measure in a server of its own, so that no other measure has warmed anything."""
    with (
        _servers.peak_memory() as peak,
        _servers.chatlake(home, workers=1, settings=_SETTINGS) as url,
    ):
        server = _Server(url)
        cold_ms = _timed_ms(prepare(server, 0))
        times_ms, cpu_s = [], 0.0
        for number in range(1, repeat + 1):
            action = prepare(server, number)
            with _idle_processes() as used:
                times_ms.append(_timed_ms(action))
            cpu_s += used[0]
    return _Result(
        name,
        round(cold_ms, 1),
        round(median(times_ms), 1),
        round(cpu_s * 1000 / repeat, 1),
        round(peak.worker / 2**20),
        rows,
    )


def _measure_here(
    application: _Application, rows: int, name: str, prepare: Measure, repeat: int
) -> _Result:
    """Measure in this process, after other measures."""
    prepare(application, 0)()
    times_ms, cpu_ms = [], []
    for number in range(1, repeat + 1):
        action = prepare(application, number)
        cpu_before = process_time()
        with _idle_processes() as used:
            times_ms.append(_timed_ms(action))
        cpu_ms.append((process_time() - cpu_before + used[0]) * 1000)
    peak = getrusage(RUSAGE_SELF).ru_maxrss / 1024
    return _Result(
        name, None, round(median(times_ms), 1), round(median(cpu_ms), 1), round(peak), rows
    )


@contextmanager
def _idle_processes() -> Iterator[list[float]]:
    """Yield a list that has, after the block, the seconds of processor time that it took."""
    used: list[float] = []
    before = _memory.tree_cpu_s(getpid())
    yield used
    used.append(_memory.tree_cpu_s(getpid()) - before)


def _timed_ms(action: Callable[[], object]) -> float:
    started = perf_counter()
    action()
    return (perf_counter() - started) * 1000


def _curated(home: Path, rows: int) -> _Result:
    """Curate the lake, then again with one row more, which is what is measured."""
    first = _curate.curate(home)
    one = _columns.contributions(rows, 1, _columns.FIRST_DAY + timedelta(days=1), 1)
    services = _lake.make(home)
    _columns.append(services.catalog, one)
    services.jobs.committer().reconcile()
    services.close()
    build = _curate.curate(home)
    return _Result(
        "curated_one_more",
        round(first.seconds * 1000),
        round(build.seconds * 1000),
        round(build.cpu_seconds * 1000),
        round(build.peak_bytes / 2**20),
        rows,
    )


if __name__ == "__main__":
    main()
