import json
import subprocess
import sys
from typing import Any

import pytest

from app.telemetry.logs import RequestId

PREPARE = """
import logging
from app.telemetry import logs
logs.configure({level!r}, {form!r})
log = logging.getLogger("app.test")
"""


def written(script: str, level: str = "INFO", form: str = "json") -> str:
    """Return what a script logs in its own process, since logging is configured globally."""
    code = PREPARE.format(level=level, form=form) + script
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == ""
    return done.stderr


def records(script: str, **configuration: str) -> list[dict[str, Any]]:
    """Return the JSON of each line that a process logs."""
    return [json.loads(line) for line in written(script, **configuration).splitlines()]


def test_a_line_is_one_object_with_the_time_in_utc() -> None:
    (record,) = records('log.info("%s\\nlines", "two", extra={"ms": 1.5})')
    assert record.pop("time").endswith("+00:00")
    assert record.pop("process") > 0
    assert record == {
        "level": "INFO",
        "logger": "app.test",
        "message": "two\nlines",
        "ms": 1.5,
    }


def test_an_exception_lies_in_its_line() -> None:
    (record,) = records('try: 1 / 0\nexcept ZeroDivisionError: log.exception("failed")')
    assert record["message"] == "failed"
    assert "ZeroDivisionError" in record["exception"]


@pytest.mark.slow
def test_text_that_is_no_text_is_written_all_the_same() -> None:
    (record,) = records('log.info("\\ud800")')
    assert record["message"] == "\ud800"


@pytest.mark.slow
@pytest.mark.parametrize("form", ["json", "text"])
def test_a_line_names_the_request_that_it_belongs_to(form: str) -> None:
    script = """
logs.current_request.set(logs.RequestId("abc"))
log.info("during")
logs.current_request.set(None)
log.info("after")
"""
    during, after = written(script, form=form).splitlines()
    assert "abc" in during
    assert "abc" not in after
    if form == "json":
        assert json.loads(during)["request_id"] == "abc"
        assert "request_id" not in json.loads(after)


@pytest.mark.slow
def test_text_is_for_terminals_and_json_for_everything_else() -> None:
    script = 'log.info("hello")'
    assert written(script, form="auto").startswith("{")
    terminal = f"import pty, sys; pty.spawn([sys.executable, '-c', {_code(script)!r}])"
    shown = subprocess.run(
        [sys.executable, "-c", terminal], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert "[INFO] hello" in shown
    assert "{" not in shown


def _code(script: str) -> str:
    return PREPARE.format(level="INFO", form="auto") + script


@pytest.mark.slow
def test_other_libraries_are_heard_from_warnings_on() -> None:
    script = """
import warnings
for name in ("app.test", "catalog.x", "gunicorn.error", "pyiceberg", "sqlalchemy.engine"):
    logging.getLogger(name).debug(name)
logging.getLogger("pyiceberg").warning("heard")
warnings.warn("heard too")
"""
    messages = [record["message"] for record in records(script, level="DEBUG")]
    assert messages[:4] == ["app.test", "catalog.x", "gunicorn.error", "heard"]
    assert "heard too" in messages[4]
    assert len(messages) == 5
    assert not records('log.info("quiet")', level="WARNING")


@pytest.mark.parametrize("sent", ["0af7651916cd43dd8448eb211c80319c", "a", "A.b_c:d-9", "x" * 64])
def test_a_sane_id_of_the_client_is_kept(sent: str) -> None:
    request_id = RequestId(sent)
    assert request_id.was_sent
    assert str(request_id) == sent


@pytest.mark.parametrize("sent", [None, "", "x" * 65, "a b", "a\n", "<script>", "\N{SNOWMAN}"])
def test_another_id_is_made_once(sent: str | None) -> None:
    request_id = RequestId(sent)
    assert not request_id.was_sent
    made = str(request_id)
    assert str(request_id) == made
    assert made not in {sent, str(RequestId(sent))}
