"""An empty lake in a folder, without a server."""

from pathlib import Path

import migrations.lake
import migrations.sql
from app.services import Services
from app.settings import Settings


def make(home: Path, **settings: object) -> Services:
    """Create a migrated lake, or open the one in the folder, and return its services."""
    services = Services(Settings.at(home, **settings))
    services.database.make_folder()
    with services.database.write() as connection:
        migrations.sql.upgrade(connection)
    migrations.lake.upgrade(services.catalog, services.database)
    return services
