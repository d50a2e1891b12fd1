"""Faults between nodes and what they share: the form that their commands have."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from tests.faults.campaign import Count, report
from tests.servers.cluster import Cluster
from tests.servers.cluster import cluster as own_cluster

Say = Callable[[str], None]
Fault = Callable[[Cluster, Path, int, int, Say], Count]
"""Makes a fault so many times to a new lake: given servers, a folder, cycles, a seed, and where to
say how it goes."""


def be_silent(_: str) -> None:
    """Say nothing."""


def command(fault: Fault, cycles: int) -> click.Command:
    """Return the command that makes a fault many times, on servers of its own."""

    @click.command(help=fault.__doc__)
    @click.option("--cycles", default=cycles, show_default=True, type=click.IntRange(min=1))
    @click.option("--seed", default=0, show_default=True)
    def main(cycles: int, seed: int) -> None:
        with TemporaryDirectory(prefix="chatlake-") as folder, own_cluster() as servers:
            report(seed, fault(servers, Path(folder), cycles, seed, click.echo))

    return main
