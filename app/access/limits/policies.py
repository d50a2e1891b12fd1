"""The limits that the settings give every client, as token buckets."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Final, get_args

from app.settings import Settings
from app.telemetry.metrics import LimitName

_MINUTE_S: Final = 60
_DAY_S: Final = 86_400
_TOLERANCE_TOKENS: Final = 1e-6
"""Error of times, which are added up."""
_NAMES: Final = get_args(LimitName)


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """A limit. Each client has a bucket of tokens for it, which fills evenly.

    In any stretch of time, a client can take what a full bucket holds and what flows in meanwhile:
    in the length of one window at most twice the quota, as with counters that are reset.

    Attributes:
        name: What is limited.
        setting: The name of the setting that sets the limit.
        value: The value of the setting.
        quota: The tokens that a full bucket holds.
        window_s: The time in which an empty bucket fills, in seconds.
        token_s: The time in which one token flows in, in seconds.
        column: The limit's place among the buckets of a client, which depends on its name alone: a
            server keeps the buckets when it reads its settings again.
    """

    name: LimitName
    setting: str
    value: int
    quota: int
    window_s: float
    token_s: float = field(init=False)
    column: int = field(init=False)

    def __post_init__(self) -> None:
        # The way of frozen dataclasses.
        object.__setattr__(self, "token_s", self.window_s / self.quota)
        object.__setattr__(self, "column", _NAMES.index(self.name))

    def left(self, full_in_s: float) -> tuple[int, int]:
        """Return the tokens that are left, and the seconds until there is one more, rounded up.

        Args:
            full_in_s: The time in which the bucket will be full, in seconds.
        """
        tokens = (self.window_s - full_in_s) / self.token_s
        whole = int(tokens + _TOLERANCE_TOKENS)
        return whole, ceil((whole + 1 - tokens) * self.token_s - _TOLERANCE_TOKENS) or 1


def policies_of(settings: Settings) -> Sequence[Policy]:
    """Return the limits that are set; the settings of all others are 0."""
    per_minute: dict[LimitName, int] = {
        "submissions": settings.submissions_per_minute,
        "uploads": settings.uploads_per_minute,
        "reads": settings.reads_per_minute,
        "costly_reads": settings.costly_reads_per_minute,
    }
    per_day: dict[LimitName, int] = {
        "rows": settings.rows_per_day,
        "bytes": settings.bytes_per_day,
    }
    rates = [
        _rate(name, value, settings.limit_burst_s) for name, value in per_minute.items() if value
    ]
    quotas = [
        Policy(name, f"{name}_per_day", value, value, _DAY_S)
        for name, value in per_day.items()
        if value
    ]
    return [*rates, *quotas]


def _rate(name: LimitName, per_minute: int, burst_s: int) -> Policy:
    quota = max(1, per_minute * burst_s // _MINUTE_S)
    return Policy(name, f"{name}_per_minute", per_minute, quota, quota * _MINUTE_S / per_minute)
