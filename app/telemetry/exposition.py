"""Exposing the metrics to Prometheus: what this process counted, or all processes of its server."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from app.telemetry.metrics import REGISTRY, publish

FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Name of the variable with the folder of the files that the processes of a server share."""
_PUBLISH_INTERVAL_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class JournalDepth:
    """The contributions that are acknowledged and not in the lake yet.

    Attributes:
        entries: Number of waiting journal entries.
        contributions: Number of contributions in these entries.
        payload_bytes: Size of these contributions.
        oldest_age_s: Time since the oldest was received; 0 when nothing waits.
    """

    entries: int
    contributions: int
    payload_bytes: int
    oldest_age_s: float


def shared_file(name: str) -> Path | None:
    """Return a file in memory that the processes of this server share and that ends with it.

    Args:
        name: The name of the file.

    Returns:
        The path; None in a process that shares nothing.
    """
    folder = os.environ.get(FOLDER_VARIABLE)
    return Path(folder, name) if folder else None


def publish_regularly() -> None:
    """Start a thread that publishes request times every second until the process ends."""

    def keep_publishing() -> None:
        while True:
            sleep(_PUBLISH_INTERVAL_S)
            publish()

    Thread(target=keep_publishing, name="metrics", daemon=True).start()


def exposition(journal: JournalDepth | None, quarantined: int | None = None) -> bytes:
    """Return all metrics in Prometheus' text format.

    Args:
        journal: The current depth of the journal; None when it can't be read.
        quarantined: Number of contributions in quarantine; None when it can't be read.
    """
    publish()
    registry = CollectorRegistry()
    if FOLDER_VARIABLE in os.environ:
        MultiProcessCollector(registry)
    else:
        registry.register(REGISTRY)
    registry.register(_JournalCollector(journal))
    registry.register(_QuarantineCollector(quarantined))
    return generate_latest(registry)


class _JournalCollector(Collector):
    """Gauges of the journal, whose values are those of the scrape even while no committer runs."""

    def __init__(self, depth: JournalDepth | None) -> None:
        self._depth = depth

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(
            "chatlake_journal_up",
            "Whether the journal could be read",
            value=self._depth is not None,
        )
        if self._depth is None:
            return
        for name, meaning, value in (
            ("entries", "Entries of the journal", self._depth.entries),
            ("contributions", "Contributions", self._depth.contributions),
            ("bytes", "Bytes of the contributions", self._depth.payload_bytes),
            ("oldest_age_seconds", "Age of the oldest contribution", self._depth.oldest_age_s),
        ):
            yield GaugeMetricFamily(
                f"chatlake_journal_{name}", f"{meaning}, not in the lake yet", value=value
            )


class _QuarantineCollector(Collector):
    """The gauge of what waits for a moderator, whose value is that of the scrape."""

    def __init__(self, contributions: int | None) -> None:
        self._contributions = contributions

    def collect(self) -> Iterable[Metric]:
        if self._contributions is not None:
            yield GaugeMetricFamily(
                "chatlake_quarantined_contributions",
                "Contributions that are hidden until a moderator decides",
                value=self._contributions,
            )
