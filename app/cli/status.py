"""`status`: what the lake holds and what waits, for a person."""

import click
from flask.cli import with_appcontext

from app.cli.errors import shows_errors
from app.query.reference import Reference
from app.releases.shelf import list_releases
from app.services import current_services


@click.command()
@with_appcontext
@shows_errors
def status() -> None:
    """Show what the lake holds and what waits to be committed."""
    services = current_services()
    view = services.view(Reference())
    backlog = services.journal.backlog()
    claim = services.journal.open_claim()
    lines = {
        "home": services.settings.home,
        "waiting": f"{backlog.contributions} contributions, {backlog.payload_bytes} bytes",
        "committing": claim or "nothing",
        "snapshot": "none yet",
        "live snapshots": len(view.table.metadata.snapshots),
        "releases": len(list_releases(services.settings.releases)),
    }
    if snapshot := view.snapshot:
        lines["snapshot"] = f"{snapshot.snapshot_id} of {snapshot.committed_at.isoformat()}"
        lines["contributions"] = f"{snapshot.total_rows}, all versions"
    for name, value in lines.items():
        click.echo(f"{name:15} {value}")
