"""Metrics of scheduled releases."""

from datetime import datetime
from typing import Final

from prometheus_client import Counter, Gauge

from app.telemetry.metrics.registry import REGISTRY
from catalog.stages.tables import STAGES, Stage

_releases: Final = Counter(
    "chatlake_scheduled_releases",
    "Scheduled releases that were published",
    ["stage"],
    registry=REGISTRY,
)
_release_failures: Final = Counter(
    "chatlake_scheduled_release_failures",
    "Attempts at a scheduled release that failed; it is tried again",
    ["stage"],
    registry=REGISTRY,
)
_release_success: Final = Gauge(
    "chatlake_scheduled_release_last_success_timestamp_seconds",
    "When a scheduled release was last published, in Unix time",
    ["stage"],
    multiprocess_mode="max",
    registry=REGISTRY,
)

# Exposes 0 for what hasn't happened yet: see `app.telemetry.metrics`.
for _stage in STAGES:
    _releases.labels(_stage)
    _release_failures.labels(_stage)


def released(stage: Stage, now: datetime) -> None:
    """Count a scheduled release that was published."""
    _releases.labels(stage).inc()
    _release_success.labels(stage).set(now.timestamp())


def release_failed(stage: Stage) -> None:
    """Count an attempt at a scheduled release that failed."""
    _release_failures.labels(stage).inc()
