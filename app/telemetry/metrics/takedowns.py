"""Metrics of takedowns, and of what they leave on the Hub."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from app.telemetry.metrics.registry import REGISTRY

_ERASURE_BUCKETS_S: Final = (10.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0)

_takedowns: Final = Gauge(
    "chatlake_takedowns_unfinished",
    "Takedowns that aren't erased from every file yet, as the committer's process last saw",
    multiprocess_mode="livemostrecent",
    registry=REGISTRY,
)
_erased: Final = Counter(
    "chatlake_erased_contributions",
    "Contributions that were erased from every file",
    registry=REGISTRY,
)
_erasures: Final = Histogram(
    "chatlake_erasure_seconds",
    "Time to erase what was taken down from every file, the time of grace for readers included",
    buckets=_ERASURE_BUCKETS_S,
    registry=REGISTRY,
)
_erasure_failures: Final = Counter(
    "chatlake_erasure_failures",
    "Attempts to erase what was taken down that failed; each is made again",
    registry=REGISTRY,
)
_hub_outdated: Final = Gauge(
    "chatlake_hub_outdated",
    "Repositories on the Hub that may hold what was taken down, as the committer's process last "
    "saw",
    multiprocess_mode="livemostrecent",
    registry=REGISTRY,
)
_hub_failures: Final = Counter(
    "chatlake_hub_failures",
    "Attempts to bring the Hub up to date that failed; each is made again",
    registry=REGISTRY,
)


def takedowns_are(unfinished: int) -> None:
    """Record how many takedowns aren't erased yet."""
    _takedowns.set(unfinished)


def erased(contributions: int, seconds: float) -> None:
    """Count contributions that were erased together, and the time that it took."""
    _erased.inc(contributions)
    _erasures.observe(seconds)


def erasure_failed() -> None:
    """Count an attempt to erase that failed."""
    _erasure_failures.inc()


def hub_publications_are(*, outdated: int) -> None:
    """Record how many repositories on the Hub may hold what was taken down."""
    _hub_outdated.set(outdated)


def hub_update_failed() -> None:
    """Count an attempt to bring the Hub up to date that failed."""
    _hub_failures.inc()
