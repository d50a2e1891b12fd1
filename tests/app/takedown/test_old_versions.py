"""In a bucket with versioning, what the tables' objects were before is removed, too."""

import io
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from app import create_app
from app.services import current_services
from app.settings import Settings
from app.state.s3 import s3_client
from tests.app.takedown.lake import MARK, Lake
from tests.factories import make_received
from tests.servers.cluster import Cluster

BUCKET = "versioned-lake"


@pytest.mark.slow
def test_no_version_of_an_object_holds_what_was_taken_down(
    cluster: Cluster, tmp_path: Path
) -> None:
    places = cluster.places() | {"warehouse": f"s3://{BUCKET}/lake", "takedown_grace_s": 0}
    settings = Settings.at(tmp_path / "home", **places)
    client = s3_client(settings, settings.s3_endpoint)
    client.create_bucket(Bucket=BUCKET)
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    app = create_app(settings)
    assert app.test_cli_runner().invoke(args=["migrate"]).exit_code == 0
    with app.app_context():
        services = current_services()
    lake = Lake(services)
    gone = make_received(0, MARK)
    lake.commit(gone, make_received(0, "stays"))

    def versions() -> list[tuple[str, str]]:
        listed = client.list_object_versions(Bucket=BUCKET)
        assert not listed["IsTruncated"]
        return [(each["Key"], each["VersionId"]) for each in listed.get("Versions", [])]

    def holding() -> list[str]:
        found = []
        for key, version_id in versions():
            if key.endswith(".parquet"):
                body = client.get_object(Bucket=BUCKET, Key=key, VersionId=version_id)["Body"]
                if MARK in str(pq.read_table(io.BytesIO(body.read())).to_pylist()):
                    found.append(key)
        return found

    assert len(holding()) == 1
    services.takedown.service.request(
        "contribution", [gone.contribution_id], reason=None, requested_by="test"
    )
    services.takedown.service.run()
    assert holding() == []
    # Nor does any other version than the present one stay, of whatever object.
    listed = client.list_object_versions(Bucket=BUCKET)
    assert not listed.get("DeleteMarkers")
    assert all(each["IsLatest"] for each in listed["Versions"])
    assert [len(rows) for rows in lake.rows()] == [1]
    services.close()
