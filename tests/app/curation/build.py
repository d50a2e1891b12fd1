"""Builds `curated` of the newest snapshot, with the settings of the environment."""

import os

from app.curation.stages import Stages
from app.query.reference import Reference
from app.services import Services
from app.settings import Settings
from tests.app.curation.rules import RULES


def main() -> None:
    """Build, and print the days that were computed."""
    settings = Settings.from_environment(os.environ)
    services = Services(settings)
    snapshot = services.snapshot(Reference())
    stages = Stages(
        services.database, services.catalog, RULES, services.superseded, settings.ray_address
    )
    print(*stages.build("curated", snapshot).computed_days)  # noqa: T201  # the test reads it
    services.close()


if __name__ == "__main__":
    main()
