"""The metrics of this process, all together."""

from typing import Final

from prometheus_client import CollectorRegistry, disable_created_metrics

REGISTRY: Final = CollectorRegistry()
"""The metrics of this process."""

# Shared metrics have no time of creation. Without this, those of a single process would have one.
disable_created_metrics()
