"""The operator's commands: `scripts/lake NAME`. Each makes one service call."""

from flask import Flask

from app.cli import commit, curate, maintenance, maps, migrate, release, settings, status, suppress


def init_app(app: Flask) -> None:
    """Register the commands."""
    for command in (
        migrate.migrate,
        commit.committer,
        status.status,
        curate.curate,
        suppress.suppress,
        release.release,
        maps.commands,
        maintenance.maintenance,
        settings.settings,
    ):
        app.cli.add_command(command)
