"""Which moment of the lake a command means: `--snapshot`, `--tag` or `--as-of`; with none, now."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any

import click

from app.query.snapshots import Reference
from catalog.snapshots import MAX_SNAPSHOT_ID


class Moment(click.ParamType[datetime]):
    """A time in RFC 3339; in UTC when it has no zone."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read it."""
        try:
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a time such as 2026-11-24T12:00:00Z", param, ctx)


def takes_reference(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options for a reference, and pass it on as `reference`."""

    @click.option(
        "--snapshot",
        "snapshot_id",
        type=click.IntRange(0, MAX_SNAPSHOT_ID),
        help="Which snapshot; the newest by default.",
    )
    @click.option("--tag", help="The snapshot with this tag, such as a release's name.")
    @click.option("--as-of", type=Moment(), help="The newest snapshot at this time (RFC 3339).")
    @wraps(command)
    def wrapper(
        *, snapshot_id: int | None, tag: str | None, as_of: datetime | None, **given: Any
    ) -> None:
        if sum(value is not None for value in (snapshot_id, tag, as_of)) > 1:
            raise click.UsageError("Give only one of --snapshot, --tag and --as-of.")
        command(reference=Reference(snapshot_id=snapshot_id, tag=tag, as_of=as_of), **given)

    return wrapper
