"""Two nodes on one PostgreSQL and one S3 bucket: both accept, one commits, either may die."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.factories import make_submission
from tests.functional.load import Load, expected, landed
from tests.functional.server import Server, eventually
from tests.servers.cluster import Cluster
from tests.servers.postgres import PASSWORD
from tests.servers.s3 import SECRET_ACCESS_KEY

ENOUGH = 40


@pytest.fixture(scope="module")
def nodes(
    tmp_path_factory: pytest.TempPathFactory, cluster: Cluster
) -> Iterator[tuple[Server, Server]]:
    """Two nodes of one lake, which were started at once."""
    folder, places = tmp_path_factory.mktemp("nodes"), cluster.places()
    first, second = (Server(folder / name, workers=1, **places) for name in ("one", "two"))
    try:
        first.migrate()
        with ThreadPoolExecutor(2) as pool:
            for started in [pool.submit(node.start, migrate=False) for node in (first, second)]:
                started.result()
        yield first, second
    finally:
        first.kill_all()
        second.kill_all()


def test_a_submission_to_one_node_is_shown_by_the_other(nodes: tuple[Server, Server]) -> None:
    first, second = nodes
    answer = first.submit(make_submission("to the first"), wait_s=30)

    assert answer.status_code == 200, answer.text
    assert second.count(snapshot_id=answer.json()["snapshot_id"]) == 1


def test_both_accept_and_when_the_leaders_node_is_killed_the_other_takes_over(
    nodes: tuple[Server, Server],
) -> None:
    eventually("one leads", lambda: any(node.leads for node in nodes))
    leader, other = sorted(nodes, key=lambda node: not node.leads)
    eventually("the other waits", lambda: "waiting to take over" in other.log)

    with Load(leader.url, "leader") as to_leader, Load(other.url, "other") as to_other:
        to_leader.wait_for(ENOUGH)
        to_other.wait_for(ENOUGH)
        assert not other.leads
        leader.kill_all()
        eventually("the other leads", lambda: other.leads)
        to_other.wait_for(len(to_other.acknowledged) + ENOUGH)
    last = other.submit(make_submission("after the load"), wait_s=30)

    assert last.status_code == 200, last.text
    assert other.stop() == 0
    assert other.pending() == 0
    in_table = landed(other.table())
    acknowledged = to_leader.acknowledged + to_other.acknowledged
    assert expected(acknowledged) <= in_table
    assert in_table <= expected(acknowledged + to_leader.unanswered + to_other.unanswered)
    for node in nodes:
        assert PASSWORD not in node.log
        assert SECRET_ACCESS_KEY not in node.log
