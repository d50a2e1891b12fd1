"""A process that builds `curated` of the newest snapshot, with the settings of the environment.

`python -m tests.app.curation.build [FILE]`: with a file, it makes the file when it begins to clean,
and then never ends.
"""

import os
import sys
from dataclasses import replace
from pathlib import Path

from app.curation.pipeline.stages import Stages
from app.query.snapshots import Reference
from app.services import Services
from app.settings import Settings
from tests.app.curation.watched_rules import TEST_RULES, Stuck


def main(begun: str | None = None) -> None:
    """Build, and print the days that were computed.

    Args:
        begun: File to make before hanging; None to build to the end.
    """
    settings = Settings.from_environment(os.environ)
    services = Services(settings)
    snapshot = services.snapshots.find(Reference())
    rules = replace(TEST_RULES, clean=Stuck(Path(begun))) if begun else TEST_RULES
    stages = Stages(
        services.database,
        services.catalog,
        rules,
        services.versions,
        services.suppressions,
        settings.ray_address,
    )
    print(*stages.build("curated", snapshot).computed_days)  # noqa: T201  # the test reads it
    services.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
