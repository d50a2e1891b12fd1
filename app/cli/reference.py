"""The options `--snapshot`, `--tag` and `--as-of`, which name a moment of the lake."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any

import click

from app.query.snapshots import Reference
from catalog.snapshots import MAX_SNAPSHOT_ID


class TimeParam(click.ParamType[datetime]):
    """A parameter that is a time in RFC 3339; UTC when it has no zone."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read a time from its text."""
        try:
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a time such as 2026-11-24T12:00:00Z", param, ctx)


def takes_reference(command: Callable[..., None]) -> Callable[..., None]:
    """Decorate a command with the options of a reference, which it gets as `reference`."""

    @click.option(
        "--snapshot",
        "snapshot_id",
        type=click.IntRange(0, MAX_SNAPSHOT_ID),
        help="The snapshot with this id; the newest by default.",
    )
    @click.option("--tag", help="The snapshot with this tag, such as a release's name.")
    @click.option("--as-of", type=TimeParam(), help="The newest snapshot at this time (RFC 3339).")
    @wraps(command)
    def wrapper(
        *, snapshot_id: int | None, tag: str | None, as_of: datetime | None, **given: Any
    ) -> None:
        if sum(value is not None for value in (snapshot_id, tag, as_of)) > 1:
            raise click.UsageError("Give only one of --snapshot, --tag and --as-of.")
        command(reference=Reference(snapshot_id=snapshot_id, tag=tag, as_of=as_of), **given)

    return wrapper
