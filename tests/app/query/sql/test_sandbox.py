import os
import re
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa
import pytest

from app.query.sql.errors import SqlAbandoned, SqlCrashed, SqlOutOfMemory, SqlTimeout
from app.query.sql.sandbox import Sandbox
from app.services import Services
from sandbox.confinement import CODE_MIB
from sandbox.protocol import Outcome
from tests.app.query.sql.processes import is_gone, query_process, sandbox_processes
from tests.factories import commit_batch, make_received
from tests.functional.server import eventually
from tests.sandbox.tasks import make_task

pytestmark = pytest.mark.slow

ENDLESS = "SELECT count(*) FROM range(1000000000000000000) WHERE hash(range) = 1"
LONG_S = 30.0
Result = Future[tuple[Outcome, bytearray]]


@contextmanager
def open_sandbox() -> Iterator[Sandbox]:
    made = Sandbox()
    yield made
    made.close()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox whose template process the tests share."""
    with open_sandbox() as made:
        yield made


@pytest.fixture
def new_sandbox() -> Iterator[Sandbox]:
    """A sandbox whose template process hasn't been started yet."""
    with open_sandbox() as made:
        yield made


@pytest.fixture(scope="module")
def lake(shared_services: Services) -> Services:
    commit_batch(shared_services, make_received(0, "Hi"))
    return shared_services


@pytest.fixture
def slot(tmp_path: Path) -> Iterator[int]:
    with (tmp_path / "slot").open("w") as file:
        yield file.fileno()


def ask(sandbox: Sandbox, services: Services, slot: int, query: str) -> list[object]:
    outcome, stream = sandbox.run(make_task(services, query), slot, LONG_S)
    assert outcome.verdict == "answered", outcome.message
    rows: list[object] = pa.ipc.open_stream(pa.py_buffer(stream)).read_all().to_pylist()
    return rows


@contextmanager
def running(
    sandbox: Sandbox, services: Services, slot: int, client: int | None = None
) -> Iterator[tuple[int, Result]]:
    """Run a query that doesn't end by itself, and yield its process id and its future result."""
    with ThreadPoolExecutor() as threads:
        task = make_task(services, ENDLESS)
        result = threads.submit(sandbox.run, task, slot, LONG_S, client)
        yield query_process(os.getpid()), result


def test_a_query_is_answered_by_a_process_that_is_gone_after_it(
    sandbox: Sandbox, lake: Services, slot: int
) -> None:
    assert ask(sandbox, lake, slot, "SELECT content FROM turns") == [{"content": "Hi"}]
    assert len(sandbox_processes(os.getpid())) == 1


def test_a_query_that_takes_too_long_is_ended(sandbox: Sandbox, lake: Services, slot: int) -> None:
    ask(sandbox, lake, slot, "SELECT 1")
    with pytest.raises(SqlTimeout) as caught:
        sandbox.run(make_task(lake, ENDLESS), slot, 0.5)
    assert caught.value.timeout_s == 0.5
    assert len(sandbox_processes(os.getpid())) == 1


def test_a_query_whose_client_leaves_is_ended(sandbox: Sandbox, lake: Services, slot: int) -> None:
    service_end, client_end = socket.socketpair()
    with service_end, running(sandbox, lake, slot, service_end.fileno()) as (pid, result):
        client_end.close()
        with pytest.raises(SqlAbandoned):
            result.result()
        assert is_gone(pid)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_process_that_is_killed_costs_its_query_and_no_other(
    sandbox: Sandbox, lake: Services, slot: int, number: signal.Signals
) -> None:
    with running(sandbox, lake, slot) as (pid, result):
        os.kill(pid, number)
        with pytest.raises(SqlCrashed) as caught:
            result.result()
    assert caught.value.exit_code == -number
    assert ask(sandbox, lake, slot, "SELECT 1 AS n") == [{"n": 1}]


class Abort:
    """An object that, when it is unpickled, writes a text to stderr and aborts the process."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __reduce__(self) -> tuple[object, ...]:
        program = f"__import__('os').write(2, {self._text.encode()!r}), __import__('os').abort()"
        return eval, (program,)


@pytest.mark.parametrize(
    "text",
    [
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "terminate called after throwing an instance of 'std::system_error'\n"
        "  what():  Resource temporarily unavailable",
        "Fatal Python error: MemoryError",
    ],
)
def test_an_abort_for_lack_of_memory_is_an_out_of_memory_error(
    sandbox: Sandbox, lake: Services, slot: int, text: str
) -> None:
    with pytest.raises(SqlOutOfMemory):
        sandbox.run(make_task(lake, "SELECT 1", hidden=Abort(text)), slot, LONG_S)


def test_an_aborting_process_is_not_blocked_by_its_full_stderr(
    sandbox: Sandbox, lake: Services, slot: int
) -> None:
    text = "Check failed" * 100_000
    with pytest.raises(SqlCrashed):
        sandbox.run(make_task(lake, "SELECT 1", hidden=Abort(text)), slot, LONG_S)


def test_a_template_that_is_killed_takes_its_queries_with_it_and_is_started_anew(
    sandbox: Sandbox, lake: Services, slot: int
) -> None:
    with running(sandbox, lake, slot) as (pid, result):
        template, *_ = sandbox_processes(os.getpid())
        os.kill(template, signal.SIGKILL)
        with pytest.raises(SqlCrashed):
            result.result()
        eventually("its query's process is gone", lambda: is_gone(pid))
    assert ask(sandbox, lake, slot, "SELECT 1 AS n") == [{"n": 1}]


def test_queries_that_run_at_once_do_not_meet(sandbox: Sandbox, lake: Services, slot: int) -> None:
    with ThreadPoolExecutor(4) as threads:
        queries = [f"SELECT {number} AS n" for number in range(8)]
        answers = threads.map(lambda query: ask(sandbox, lake, slot, query), queries)
        assert list(answers) == [[{"n": number}] for number in range(8)]


def test_a_query_sees_nothing_of_the_services_environment_and_descriptors(
    new_sandbox: Sandbox, lake: Services, slot: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATLAKE_S3_SECRET_ACCESS_KEY", "canary")
    with running(new_sandbox, lake, slot) as (pid, result):
        for process in sandbox_processes(os.getpid()):
            assert b"canary" not in Path(f"/proc/{process}/environ").read_bytes()
        # Eventually, since it opens the folders that it may read while it confines itself.
        offered = {Path("/dev/null"), Path(f"/proc/self/fd/{slot}").readlink()}
        eventually("it has no other file", lambda: files_of(pid) <= offered)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(SqlCrashed):
            result.result()


def test_a_query_runs_confined(sandbox: Sandbox, lake: Services, slot: int) -> None:
    with running(sandbox, lake, slot) as (pid, result):
        # The number of open files is the last limit that the process sets.
        eventually("it is limited", lambda: re.search(r"open files +256 ", limits_of(pid)))
        limits = limits_of(pid)
        assert re.search(r"Max core file size +0 ", limits)
        assert re.search(rf"Max data size +{(512 - CODE_MIB) * 1024 * 1024} ", limits)
        assert re.search(r"Max file size +0 ", limits)
        status = Path(f"/proc/{pid}/status").read_text()
        assert re.search(r"NoNewPrivs:\t1", status)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(SqlCrashed):
            result.result()


def files_of(pid: int) -> set[Path]:
    opened = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it has just been closed
            opened.add(entry.readlink())
    return {path for path in opened if path.is_absolute()}


def limits_of(pid: int) -> str:
    return Path(f"/proc/{pid}/limits").read_text()


def test_no_process_is_left_when_the_sandbox_is_closed(
    new_sandbox: Sandbox, lake: Services, slot: int
) -> None:
    others = sandbox_processes(os.getpid())
    ask(new_sandbox, lake, slot, "SELECT 1")
    assert sandbox_processes(os.getpid()) != others
    new_sandbox.close()
    assert sandbox_processes(os.getpid()) == others


def test_the_log_has_a_querys_costs_but_not_its_text(
    sandbox: Sandbox, lake: Services, slot: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        ask(sandbox, lake, slot, "SELECT 'a secret word' AS n")
    (record,) = [record for record in caplog.records if record.name == "app.query.sql.sandbox"]
    fields = vars(record)
    assert fields["exit_code"] <= 0
    assert 10_000 < fields["peak_memory_kib"] < 512 * 1024
    assert "secret word" not in str(fields)
