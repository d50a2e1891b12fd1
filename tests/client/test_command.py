import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from chatlake_client.command import ingest
from chatlake_client.sender import MAX_UPLOAD_ROWS
from tests.client.environment import REPOSITORY, client_environment
from tests.client.service import CUT, Answer, Service, unprocessable

ROWS = 4 * MAX_UPLOAD_ROWS


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(ingest, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def rows_file(path: Path, *contents: str) -> Path:
    rows = [{"messages": [{"role": "user", "content": content}]} for content in contents]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def counts(stdout: str) -> dict[str, int]:
    """The numbers of the table."""
    lines = (line.rsplit(maxsplit=1) for line in stdout.splitlines())
    return {line[0]: int(line[1]) for line in lines if line[-1].isdecimal()}


def rejected_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_all_rows_accepted_exits_with_0_and_a_summary(service: Service, folder: Path) -> None:
    one = rows_file(folder / "one.jsonl", "a", "b")
    two = rows_file(folder / "two.jsonl", "c")
    result = run(one, two, "--url", service.url)
    assert result.exit_code == 0
    lines = [re.sub(r"[\d.]+ s$", "T s", line) for line in result.stdout.splitlines()]
    assert lines == [
        f"{one}: 2 accepted, 0 rejected, T s",
        f"{two}: 1 accepted, 0 rejected, T s",
        "total: 3 accepted, 0 rejected, T s",
        "conversations                             3",
        "of these stored before                    0",
        "of these without a stated agent           3",
        "rejected rows                             0",
        "turns                                     3",
        "alternatives                              0",
        "attachments described                     0",
        "rows without a conversation               0",
    ]
    assert result.stderr == ""
    assert sorted(body["conversation"][0]["content"] for body in service.received) == [*"abc"]
    assert not (folder / "rejected.jsonl").exists()


def test_a_second_run_adds_nothing_and_equal_rows_stay_separate(
    service: Service, folder: Path
) -> None:
    path = rows_file(folder / "rows.jsonl", "a", "a", "b", "a")
    assert run(path, "--url", service.url).exit_code == 0
    assert len(service.stored) == 4
    assert run(path, "--url", service.url, "--source", "again").exit_code == 0
    assert len(service.received) == 8
    assert len(service.stored) == 4
    again = run(path, "--url", service.url, "--source", "again").stdout
    assert counts(again)["conversations"] == counts(again)["of these stored before"] == 4


def test_the_table_counts_what_the_service_accepted(service: Service, folder: Path) -> None:
    path = rows_file(folder / "rows.jsonl", "a", "bad", "c", "bad", "e")
    service.refusals["bad"] = unprocessable(conversation=["No."])
    # After the first wrong line, the report is cut, and the lines after it are sent once more.
    service.max_listed = 1
    found = counts(run(path, "--url", service.url).stdout)
    assert (found["conversations"], found["turns"], found["rejected rows"]) == (3, 3, 2)
    assert (found["of these stored before"], found["of these without a stated agent"]) == (0, 3)


def test_what_nobody_can_withdraw_is_told(service: Service, folder: Path) -> None:
    path = rows_file(folder / "rows.jsonl", "a", "b")
    assert "withdrawn" not in run(path, "--url", service.url).stdout
    service.is_owning = False
    told = run(path, "--url", service.url).stdout.splitlines()[-1]
    assert told.startswith("2 conversations can't be withdrawn by you, now or later")


def test_a_rows_own_ingest_id_is_used(service: Service, folder: Path) -> None:
    path = folder / "rows.json"
    path.write_text(json.dumps({"conversation": [{"content": "Hi"}], "ingest_id": "mine"}))
    assert run(path, "--url", service.url).exit_code == 0
    assert list(service.stored) == ["mine"]


def test_options_fill_fields_that_rows_lack(service: Service, folder: Path) -> None:
    path = rows_file(folder / "rows.jsonl", "a")
    given = ("--source", "s", "--submitter-id", "m", "--agent-id", "g", "--attribution", "Ada")
    assert run(path, "--url", service.url, *given, "--terms-version", "2").exit_code == 0
    (body,) = service.received
    assert body.pop("ingest_id")
    assert body == {
        "agent_id": "g",
        "source": "s",
        "submitter_id": "m",
        "network/attribution": "Ada",
        "terms_version": "2",
        "conversation": [{"role": "user", "content": "a"}],
    }


def test_the_agent_is_unknown_unless_it_is_stated(service: Service, folder: Path) -> None:
    assert run(rows_file(folder / "rows", "a"), "--url", service.url).exit_code == 0
    assert service.received[0]["agent_id"] == "unknown"


def test_rejected_rows_go_to_a_file_and_the_rest_is_stored(service: Service, folder: Path) -> None:
    errors = {"conversation": ["Too long."]}
    service.refusals["bad"] = unprocessable(**errors)
    path = rows_file(folder / "rows.jsonl", "a", "bad", "b")
    with path.open("a") as file:
        file.write('{"prompt": "Hi"}\n{"messages": [')
    result = run(path, "--url", service.url)
    assert result.exit_code == 1
    assert "2 accepted, 3 rejected" in result.stdout
    assert "rejected rows: rejected.jsonl" in result.stdout
    lines = {line["line"]: line for line in rejected_lines(folder / "rejected.jsonl")}
    assert set(lines) == {2, 4, 5}
    assert lines[2] == {
        "file": str(path),
        "line": 2,
        "status": 422,
        "message": "The submission is not valid.",
        "errors": errors,
        "row": {"messages": [{"role": "user", "content": "bad"}]},
    }
    assert lines[4]["status"] is None
    assert "prompt" in lines[4]["message"]
    assert lines[5]["row"] == '{"messages": ['


def test_rows_that_would_lose_their_answers_are_rejected_and_counted_by_key(
    service: Service, folder: Path
) -> None:
    row = {
        "messages": [{"role": "user", "content": "Name one pier."}],
        "choices": ["The eastern pier.", "Bananas."],
    }
    (folder / "rows.json").write_text(json.dumps([row] * 300))
    result = run("rows.json", "--url", service.url)
    assert result.exit_code == 1
    assert "rows.json: 0 accepted, 300 rejected" in result.stdout
    assert re.search(r"rejected, would have lost: choices +300\n", result.stdout)
    assert service.received == []
    lines = rejected_lines(folder / "rejected.jsonl")
    assert len(lines) == 300
    assert lines[0]["message"].startswith("would lose choices: ")
    assert lines[0]["row"] == row


def test_the_rejected_file_can_have_another_name(service: Service, folder: Path) -> None:
    (folder / "rows.json").write_text("[1]")
    result = run("rows.json", "--url", service.url, "--rejected", folder / "other.jsonl")
    assert result.exit_code == 1
    (line,) = rejected_lines(folder / "other.jsonl")
    assert line["message"] == "a row must be an object, not a number or a boolean"
    assert not (folder / "rejected.jsonl").exists()


def test_the_file_of_rejected_rows_is_never_an_input_file(service: Service, folder: Path) -> None:
    path = rows_file(folder / "rejected.jsonl", "a")
    before = path.read_bytes()
    result = run(path, "--url", service.url)
    assert result.exit_code == 2
    assert "--rejected" in result.stderr
    assert path.read_bytes() == before
    assert service.received == []


def test_a_rejected_file_that_cannot_be_written_exits_with_2(
    service: Service, folder: Path
) -> None:
    (folder / "rows.json").write_text("[1]")
    result = run("rows.json", "--url", service.url, "--rejected", folder / "gone" / "r.jsonl")
    assert result.exit_code == 2
    assert "r.jsonl: No such file or directory" in result.stderr


def test_an_unreadable_file_exits_with_2_and_the_other_files_go_on(
    service: Service, folder: Path
) -> None:
    broken = folder / "broken.json"
    broken.write_text('[{"messages": [')
    path = rows_file(folder / "rows.jsonl", "a", "b")
    result = run(broken, path, "--url", service.url)
    assert result.exit_code == 2
    assert f"Error: {broken}: " in result.stderr
    assert "total: 2 accepted, 0 rejected" in result.stdout
    assert len(service.stored) == 2


def test_an_unreachable_service_exits_with_2_and_prints_accepted_counts(
    service: Service, folder: Path
) -> None:
    one = rows_file(folder / "one.jsonl", "a", "b")
    two = rows_file(folder / "two.jsonl", "c", "last", "d")
    never = rows_file(folder / "never.jsonl", "e")
    service.refusals["last"] = CUT
    result = run(one, two, never, "--url", service.url, "--retries", 0, "--concurrency", 1)
    assert result.exit_code == 2
    assert f"Error: {service.url}: " in result.stderr
    assert "Stopped after 2 accepted rows." in result.stderr
    assert "total: 2 accepted, 0 rejected" in result.stdout
    assert str(never) not in result.stdout


def test_a_passing_outage_goes_unnoticed(service: Service, folder: Path) -> None:
    service.answers.extend([CUT, Answer(503), CUT])
    result = run(rows_file(folder / "rows", "a", "b", "c"), "--url", service.url)
    assert result.exit_code == 0
    assert "total: 3 accepted" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["gone.json"],
        ["."],
        ["rows", "--url", "localhost:8080"],
        ["rows", "--url", "ftp://localhost"],
        ["rows", "--url", "http://"],
        ["rows", "--url", "http://localhost:port"],
        ["rows", "--url", "http://[::1"],
        ["rows", "--concurrency", "0"],
        ["rows", "--retries", "-1"],
        ["rows", "--timeout", "0"],
        ["rows", "--unknown"],
    ],
)
def test_a_usage_error_exits_with_2(arguments: list[str], folder: Path) -> None:
    rows_file(folder / "rows", "a")
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr


def test_every_option_is_explained() -> None:
    for option in ingest.params:
        if option.name != "files":
            assert getattr(option, "help", None), option.name


def test_every_option_is_documented() -> None:
    page = (REPOSITORY / "docs" / "client.md").read_text()
    for option in ingest.params:
        if option.name != "files":
            assert f"`{option.opts[0]}" in page, option.name


@pytest.mark.slow
def test_ctrl_c_finishes_running_uploads_and_exits_with_130(service: Service, folder: Path) -> None:
    service.gate.clear()
    path = rows_file(folder / "rows.jsonl", *(str(number) for number in range(ROWS)))
    command = [sys.executable, "-m", "chatlake_client", str(path), "--url", service.url]
    with subprocess.Popen(
        [*command, "--concurrency", "2"],
        cwd=folder,
        env=client_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert service.arrived.wait(30)
        process.send_signal(signal.SIGINT)
        service.gate.set()
        stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    stored = len(service.stored)
    assert 0 < stored < ROWS
    assert f"total: {stored:,} accepted, 0 rejected" in stdout
    assert "Interrupted" in stderr
    assert "Traceback" not in stderr
