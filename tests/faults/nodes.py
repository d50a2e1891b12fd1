"""The common command line of campaigns with several nodes on PostgreSQL and S3."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from tests.faults.campaign import Count, report
from tests.servers.cluster import Cluster
from tests.servers.cluster import cluster as own_cluster

Say = Callable[[str], None]
Fault = Callable[[Cluster, Path, int, int, Say], Count]
"""Runs a campaign on a new lake. Its arguments are the servers, a folder, the number of cycles, the
seed, and a function that gets a line about each cycle."""


def be_silent(_: str) -> None:
    """Say nothing."""


def command(fault: Fault, cycles: int) -> click.Command:
    """Return the command that runs a campaign on its own servers.

    Args:
        fault: The campaign.
        cycles: Default of the number of cycles.
    """

    @click.command(help=fault.__doc__)
    @click.option("--cycles", default=cycles, show_default=True, type=click.IntRange(min=1))
    @click.option("--seed", default=0, show_default=True)
    def main(cycles: int, seed: int) -> None:
        with TemporaryDirectory(prefix="chatlake-") as folder, own_cluster() as servers:
            report(seed, fault(servers, Path(folder), cycles, seed, click.echo))

    return main
