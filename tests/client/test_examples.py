"""The examples for authors of chat clients run as they are written."""

import re
from pathlib import Path

import pytest

from tests.client.environment import REPOSITORY
from tests.client.service import Service

PAGES = ("docs/client.md", "client/README.md")


@pytest.mark.parametrize("page", PAGES)
def test_every_example_of_the_page_runs(
    page: str, service: Service, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (REPOSITORY / page).read_text().replace("http://127.0.0.1:8080", service.url)
    examples = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert examples
    names: dict[str, object] = {}
    for example in examples:
        # What one's own contributions are, only a lake knows: `tests/functional/test_takedowns.py`.
        if "OwnContributions" not in example:
            exec(example, names)  # noqa: S102  # they are ours
    assert (folder / "outbox.sqlite").exists()
    receipt, *_ = capsys.readouterr().out.splitlines()
    assert service.stored[receipt]["agent_id"] == "mistral-7b-instruct"


def test_every_public_name_is_documented() -> None:
    page = (REPOSITORY / "docs" / "client.md").read_text()
    for method in ("submit", "submit_many", "flush", "status", "rejected", "requeue", "discard"):
        assert re.search(rf"\b{method}\b", page), method
