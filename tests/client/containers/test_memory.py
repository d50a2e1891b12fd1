import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.environment import client_environment

FILE_BYTES = 400 * 1000 * 1000
MAX_MEMORY_BYTES = 300 * 1024 * 1024
READS = """
import re, sys
from pathlib import Path
from chatlake_client.importer import read_conversations
print(sum(1 for _ in read_conversations(Path(sys.argv[1]))))
# Unlike getrusage's, this peak doesn't begin with that of the process which started this one.
peak = re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())
print(int(peak[1]) * 1024)
"""


def node(number: int) -> dict[str, object]:
    return {
        "parent": f"{number - 1}" if number else None,
        "children": [f"{number + 1}"],
        "message": {
            "author": {"role": "assistant" if number % 2 else "user"},
            "content": {"content_type": "text", "parts": ["слово 🙂 " * 4000]},
        },
    }


@pytest.mark.slow
def test_an_array_of_400_mb_is_read_within_300_mib(tmp_path: Path) -> None:
    mapping = {f"{number}": node(number) for number in range(20)}
    conversation = json.dumps({"mapping": mapping}, ensure_ascii=False).encode()
    count = FILE_BYTES // len(conversation) + 1
    path = tmp_path / "conversations.json"
    with path.open("wb") as file:
        file.write(b"[")
        for number in range(count):
            file.write(b"," * bool(number) + conversation)
        file.write(b"]")
    assert path.stat().st_size > FILE_BYTES
    answer = subprocess.run(
        [sys.executable, "-c", READS, str(path)],
        check=True,
        capture_output=True,
        text=True,
        env=client_environment(),
    )
    found, memory_bytes = map(int, answer.stdout.split())
    assert found == count
    assert memory_bytes < MAX_MEMORY_BYTES
