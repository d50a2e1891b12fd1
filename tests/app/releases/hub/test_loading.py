"""What is published is loaded from the Hub by its own libraries."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.releases.hub.publisher import HubPublisher
from app.services import Services
from tests.app.releases.hub.conftest import REPOSITORY
from tests.app.releases.takedowns.published import rows_in
from tests.servers.hub import HubServer

# The library reads the address of the Hub at its import.
PROGRAM = """
import json, sys
from datasets import load_dataset
loaded = load_dataset(sys.argv[1], revision=sys.argv[2])
print(json.dumps({split: rows["content_hash"][:] for split, rows in loaded.items()}))
"""


@pytest.mark.slow
def test_datasets_loads_a_public_repository_by_its_name_and_the_tag_of_its_revision(
    publisher: HubPublisher, filled: Services, hub: HubServer, tmp_path: Path
) -> None:
    publisher.publish("cleaned", REPOSITORY, "public")
    places = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path), "HF_TOKEN": ""}
    environment = {**os.environ, **places, "HF_HUB_OFFLINE": "0"}
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, REPOSITORY, "revision-1"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    place = filled.publishing.releases.store.filesystem("cleaned")
    rows = rows_in(filled.publishing.releases.find("cleaned"), *place)
    assert json.loads(ran.stdout) == {
        split: [row["content_hash"] for row in rows[f"parquet/{split}"]]
        for split in ("train", "test")
    }
