"""Daft's runner: in this process and its children, or on a Ray cluster.

A setting chooses between them. The query and its result are the same with both.
"""

import logging
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import daft
from daft.runners import get_or_create_runner

from app.curation import QUIET_DAFT
from app.settings import PREFIX, SettingsError

_ROOT: Final = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Runner:
    """A started runner.

    Attributes:
        processes: Number of processes that the rules run in; 1 means the process of the build.
    """

    processes: int


@cache
def start(ray_address: str | None) -> Runner:
    """Start the runner of this process, once: Daft can't change it later.

    Call it in the process that builds, after any fork.

    Args:
        ray_address: Address of a Ray cluster, as `ray.init` takes it; None to run the rules in
            this process and its children.

    Raises:
        SettingsError: Ray isn't installed, or the cluster can't be reached.
    """
    # Where processes find our modules, whatever folder a command was started in.
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    # Daft warns of queries without a condition on the partition. Ours select days by their time.
    logging.getLogger("daft.io").setLevel(logging.ERROR)
    if ray_address is not None:
        return _start_on_ray(ray_address)
    os.environ["DAFT_RUNNER"] = "native"
    get_or_create_runner()
    return Runner(len(os.sched_getaffinity(0)))


def _start_on_ray(address: str) -> Runner:
    try:
        import ray  # noqa: PLC0415  # an extra: only those who have a cluster install it
    except ImportError as error:
        raise SettingsError(f"{PREFIX}RAY_ADDRESS", "needs the package ray") from error
    try:
        ray.init(
            address=address,
            runtime_env={"env_vars": {**QUIET_DAFT, "PYTHONPATH": os.environ["PYTHONPATH"]}},
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        # Without the address: anyone may ask why the build of a release failed.
        raise SettingsError(f"{PREFIX}RAY_ADDRESS", "no cluster answers there") from error
    daft.set_runner_ray(noop_if_initialized=True)
    processors = sum(node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"])
    return Runner(max(1, int(processors)))
