"""A process that builds `curated` of the newest snapshot, with the settings of the environment.

`python -m tests.app.curation.build [FILE]`: with a file, it makes the file when it begins to clean,
and then never ends. With `standard` instead of a file, it builds by the service's own rules.
"""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

from app.curation.pipeline import daft_query
from app.curation.pipeline.stages import Stages
from app.curation.rules.interface import StageRules
from app.query.snapshots import Reference
from app.services import Services
from app.settings import Settings
from tests.app.curation.watched_rules import TEST_RULES, Stuck

FEW_ROWS_IN_PROCESS: Final = 1_000
"""So that a few thousand rows are computed in processes."""
_STANDARD: Final = "standard"


def stages_of(services: Services, rules: StageRules) -> Stages:
    """Return what builds the stages of a lake by rules."""
    return Stages(
        services.database,
        services.catalog,
        lambda: rules,
        services.reading.replaced,
        services.access.hidden.ids,
        services.settings.ray_address,
    )


def main(begun: str = "") -> None:
    """Build, and print how many rows were computed.

    Args:
        begun: File to make before hanging; `standard` to build to the end by the service's own
            rules, and nothing to do so by those of the tests.
    """
    daft_query.ROWS_IN_PROCESS = FEW_ROWS_IN_PROCESS  # type: ignore[misc]
    services = Services(Settings.from_environment(os.environ))
    snapshot = services.reading.snapshots.find(Reference())
    rules = replace(TEST_RULES, clean=Stuck(Path(begun))) if begun else TEST_RULES
    stages = services.curation.stages() if begun == _STANDARD else stages_of(services, rules)
    print(stages.build("curated", snapshot).computed_rows)  # noqa: T201  # the test reads it
    services.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
