import json
import re
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from chatlake_client.command import ingest
from tests.client.reading import file_of
from tests.client.service import Service

TREE: dict[str, Any] = {
    "id": "c",
    "chat": {
        "title": "Fork",
        "history": {
            "currentId": "b",
            "messages": {
                "q": {"role": "user", "content": "Which?", "childrenIds": ["a", "b"]},
                "a": {"role": "assistant", "content": "This.", "parentId": "q", "model": "m"},
                "b": {"role": "assistant", "content": "That.", "parentId": "q", "model": "m"},
            },
        },
    },
}
HISTORIC = {"messages": [{"role": "user", "content": "And?"}], "history": [["Hi", "Ho"]]}


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(ingest, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def table(result: Result) -> dict[str, int]:
    """The table at the end of a run."""
    lines = re.findall(r"^(\S.*?) {2,}([\d,]+)$", result.stdout, re.MULTILINE)
    return {name: int(count.replace(",", "")) for name, count in lines}


def test_a_dry_run_shows_three_conversations_and_the_table_and_sends_nothing(
    service: Service, folder: Path
) -> None:
    rows = [{"messages": [{"role": "user", "content": f"{n}"}], "id": n} for n in range(1, 6)]
    result = run(file_of(folder / "rows", *rows), "--url", service.url, "--dry-run")
    assert result.exit_code == 0
    assert service.received == []
    assert result.stdout.count('"conversation"') == 3
    assert '"content": "1"' in result.stdout
    assert (table(result)["conversations"], table(result)["not taken: id"]) == (5, 5)
    assert "accepted" not in result.stdout


def test_what_a_dry_run_shows_is_what_is_sent(service: Service, folder: Path) -> None:
    path = file_of(folder / "rows", {"messages": [{"role": "user", "content": "Hi"}]})
    shown, _ = run(path, "--dry-run").stdout.rsplit("}\n", 1)
    assert run(path, "--url", service.url).exit_code == 0
    assert service.received == [json.loads(shown + "}")]


def test_a_conversation_that_would_lose_meaning_is_sent_only_if_told_so(
    service: Service, folder: Path
) -> None:
    path = file_of(folder / "rows", HISTORIC)
    result = run(path, "--url", service.url)
    assert result.exit_code == 1
    assert table(result)["rejected, would have lost: history"] == 1
    assert service.received == []
    result = run(path, "--url", service.url, "--lossy")
    assert result.exit_code == 0
    assert table(result)["not taken: history"] == 1
    assert service.received[0]["conversation"] == [{"role": "user", "content": "And?"}]


def test_branches_are_conversations_of_their_own_with_ids_that_stay(
    service: Service, folder: Path
) -> None:
    path = file_of(folder / "rows", TREE)
    result = run(path, "--url", service.url, "--branches")
    assert result.exit_code == 0
    assert table(result)["conversations"] == 2
    said = [[turn["content"] for turn in body["conversation"]] for body in service.received]
    assert said == [["Which?", "That."], ["Which?", "This."]]
    assert ["alternatives" in str(body) for body in service.received] == [True, False]
    assert service.received[0]["ingest_id"] == "c"
    assert run(path, "--url", service.url, "--branches", "--source", "x").exit_code == 0
    assert len(service.stored) == 2


def test_alternatives_are_sent_and_counted(service: Service, folder: Path) -> None:
    result = run(file_of(folder / "rows", TREE), "--url", service.url)
    assert result.exit_code == 0
    assert table(result)["alternatives"] == 1
    (body,) = service.received
    assert body["title"] == "Fork"
    other = {"role": "assistant", "content": "This.", "model": "m"}
    assert body["conversation"][1]["alternatives"] == [[other]]


def test_keys_that_the_service_ignores_are_named(service: Service, folder: Path) -> None:
    service.ignored = ["labels"]
    result = run(file_of(folder / "rows", TREE), "--url", service.url)
    assert result.exit_code == 0
    assert "\nignored by the service: labels\n" in result.stdout
