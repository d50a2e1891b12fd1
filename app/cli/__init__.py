"""The operator's commands: `scripts/lake NAME`. Each makes one service call."""

from pkgutil import resolve_name
from typing import Final

from click import Command, Context
from flask import Flask
from flask.cli import AppGroup

_COMMANDS: Final = {
    "backup": "app.cli.commands.backup:backup",
    "ban": "app.cli.commands.ban:ban",
    "committer": "app.cli.commands.committer:committer",
    "curate": "app.cli.commands.curate:curate",
    "datasheet": "app.cli.commands.datasheet:datasheet",
    "decontaminate": "app.cli.commands.decontaminate:decontaminate",
    "doctor": "app.cli.commands.doctor:doctor",
    "key": "app.cli.commands.key:key",
    "maintenance": "app.cli.commands.maintenance:maintenance",
    "map": "app.cli.commands.maps:commands",
    "migrate": "app.cli.commands.migrate:migrate",
    "moderation": "app.cli.commands.moderation:moderation",
    "release": "app.cli.commands.release:release",
    "restore": "app.cli.commands.backup:restore",
    "settings": "app.cli.commands.settings:settings",
    "status": "app.cli.commands.status:status",
    "summaries": "app.cli.commands.summaries:summaries",
    "takedown": "app.cli.commands.takedown:takedown",
    "text-index": "app.cli.commands.text_index:text_index",
    "unban": "app.cli.commands.ban:unban",
    "versions": "app.cli.commands.versions:versions",
}


class _Commands(AppGroup):
    """The group of all commands, each imported when it is run, so that the server imports none."""

    def list_commands(self, ctx: Context) -> list[str]:
        """Return the names of all commands, without importing any."""
        return sorted({*super().list_commands(ctx), *_COMMANDS})

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """Return a command by name, or None when no command has the name."""
        if cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        command: Command = resolve_name(_COMMANDS[cmd_name])
        return command


def init_app(app: Flask) -> None:
    """Give the application its commands, beside those that extensions have registered."""
    app.cli = _Commands(app.cli.name, app.cli.commands)
