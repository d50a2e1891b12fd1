"""Makes S3 answer 503 for a while, under load: submissions are accepted, and the lake catches up.

Run `python -m tests.faults.s3_outages [--cycles N] [--seed N]`.
"""

from pathlib import Path
from time import monotonic
from typing import Final

from tests.faults.campaign import BUSY_COMMITTER, Campaign, Count
from tests.faults.nodes import Say, be_silent, command
from tests.functional.server import Server, eventually
from tests.servers.cluster import Cluster
from tests.servers.proxy import Proxy

ACKNOWLEDGED_MEANWHILE: Final = 100
DRAINED_WITHIN_S: Final = 60.0

_ERROR: Final = b"<Error><Code>ServiceUnavailable</Code><Message>down</Message></Error>"
UNAVAILABLE: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/xml\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(_ERROR), _ERROR)
)


def stop_s3(cluster: Cluster, folder: Path, cycles: int, seed: int, say: Say = be_silent) -> Count:
    """Make S3 answer 503 under load; exits with 1 when anything was lost, duplicated or made up."""
    database, warehouse = cluster.postgres.create_database(), cluster.s3.create_prefix()
    campaign = Campaign(folder / "home", seed, cluster.places_in(database, warehouse))
    with Proxy(cluster.s3.port) as proxy:
        places = cluster.places_in(database, warehouse, s3_port=proxy.port)
        with Server(folder / "home", **BUSY_COMMITTER, **places) as server:
            while campaign.count.cycles < cycles:
                failures, commits = server.log.count("commit failed"), server.commits
                with campaign.load(server) as load:
                    eventually("it commits", lambda: server.commits > commits)  # noqa: B023  # called at once
                    proxy.close_door(UNAVAILABLE)
                    load.wait_for(ACKNOWLEDGED_MEANWHILE)
                    eventually(
                        "the committer fails",
                        lambda: server.log.count("commit failed") > failures,  # noqa: B023  # called at once
                    )
                assert load.refused == 0, "submissions were refused while only the lake was down"
                proxy.open_door()
                opened = monotonic()
                eventually("the lake is drained", lambda: not server.pending(), DRAINED_WITHIN_S)
                campaign.count.cycles += 1
                campaign.inspect()
                say(f"drained after {monotonic() - opened:.1f} s: {campaign.count}")
    return campaign.finish()


if __name__ == "__main__":
    command(stop_s3, cycles=20)()
