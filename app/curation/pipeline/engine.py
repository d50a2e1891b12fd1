"""Daft, which runs the row functions: in this process and its children, or on a Ray cluster.

Which of the two is a setting. The code and what comes of it are the same.
"""

import logging
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import daft
from daft.runners import get_or_create_runner

from app.settings import PREFIX, SettingsError

_ROOT: Final = Path(__file__).parents[3]
_QUIET: Final = {"DAFT_ANALYTICS_ENABLED": "0", "DAFT_PROGRESS_BAR": "0"}


@dataclass(frozen=True, slots=True)
class Engine:
    """A started engine.

    Attributes:
        processes: How many processes row functions run in; with one, it is that of the build.
    """

    processes: int


@cache
def start(ray_address: str | None) -> Engine:
    """Start the engine of this process, once: Daft can't be told otherwise later.

    Call it in the process that builds, after any fork.

    Args:
        ray_address: Address of a Ray cluster, as `ray.init` takes it; None: embedded.

    Raises:
        SettingsError: Ray isn't installed, or the cluster can't be reached.
    """
    # Where processes find our modules, whatever folder a command was started in.
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    # Plans with partitions that no condition is on are normal here: days are asked by their time.
    logging.getLogger("daft.io").setLevel(logging.ERROR)
    if ray_address is not None:
        return _start_on_ray(ray_address)
    os.environ["DAFT_RUNNER"] = "native"
    get_or_create_runner()
    return Engine(len(os.sched_getaffinity(0)))


def _start_on_ray(address: str) -> Engine:
    try:
        import ray  # noqa: PLC0415  # an extra: only those who have a cluster install it
    except ImportError as error:
        raise SettingsError(f"{PREFIX}RAY_ADDRESS", "needs the package ray") from error
    try:
        ray.init(
            address=address,
            runtime_env={"env_vars": {**_QUIET, "PYTHONPATH": os.environ["PYTHONPATH"]}},
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        # Without the address: anyone may ask why the build of a release failed.
        raise SettingsError(f"{PREFIX}RAY_ADDRESS", "no cluster answers there") from error
    daft.set_runner_ray(noop_if_initialized=True)
    processors = sum(node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"])
    return Engine(max(1, int(processors)))
