"""The limits that clients have, as token buckets: from the settings, and from keys of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Final, get_args

from app.settings import Settings
from app.telemetry.labels import ClientKind, LimitName

PREFIXES: Final[Mapping[ClientKind, str]] = {
    "address": "",
    "key": "key_",
    "contributor": "contributor_",
}
"""What the names of limits begin with, by the kind of client that they hold for."""

_MINUTE_S: Final = 60
_DAY_S: Final = 86_400
_TOLERANCE_TOKENS: Final = 1e-6
"""Error of times, which are added up."""
_NAMES: Final = get_args(LimitName)
_PER_DAY: Final[frozenset[LimitName]] = frozenset({"rows", "bytes"})

SETTINGS: Final[Mapping[LimitName, str]] = {
    name: f"{name}_per_day" if name in _PER_DAY else f"{name}_per_minute" for name in _NAMES
}
"""The names of the settings that limit a client address, by what they limit."""


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
        kind: The kind of client that it holds for.
        label: What answers call the limit.
        token_s: The time in which one token flows in, in seconds.
        column: The limit's place among the buckets of a client, which depends on its name alone: a
            server keeps the buckets when it reads its settings again.
    """

    name: LimitName
    setting: str
    value: int
    quota: int
    window_s: float
    kind: ClientKind = "address"
    label: str = field(init=False)
    token_s: float = field(init=False)
    column: int = field(init=False)

    def __post_init__(self) -> None:
        # A frozen dataclass allows no other assignment.
        object.__setattr__(self, "label", PREFIXES[self.kind] + self.name)
        object.__setattr__(self, "token_s", self.window_s / self.quota)
        object.__setattr__(self, "column", _NAMES.index(self.name))

    def left(self, full_in_s: float) -> tuple[int, int]:
        """Return the tokens that are left, and the seconds until there is one more, rounded up.

        Args:
            full_in_s: The time in which the bucket will be full, in seconds.
        """
        # Other nodes may have taken more tokens than the bucket held.
        tokens = max((self.window_s - full_in_s) / self.token_s, 0.0)
        whole = int(tokens + _TOLERANCE_TOKENS)
        wait_s = full_in_s + (whole + 1) * self.token_s - self.window_s
        return whole, ceil(wait_s - _TOLERANCE_TOKENS) or 1


def limits_in(settings: Settings, kind: ClientKind) -> dict[str, int]:
    """Return the limits that the settings give each client of a kind.

    Returns:
        The values by the names of the settings, without the prefix of the kind. 0 is no limit.
    """
    prefix = PREFIXES[kind]
    return {
        name: getattr(settings, prefix + name)
        for name in SETTINGS.values()
        if hasattr(settings, prefix + name)
    }


def policies_of(values: Mapping[str, int], burst_s: int, kind: ClientKind) -> Sequence[Policy]:
    """Return the limits of clients of one kind as buckets.

    Args:
        values: The limits by the names of their settings, without the prefix of the kind. Those
            that are 0 or missing don't limit anything.
        burst_s: How long a client that pauses saves up what the limits per minute allow, in
            seconds.
        kind: The kind of client.
    """
    return [
        _policy(name, kind, values[setting], burst_s)
        for name, setting in SETTINGS.items()
        if values.get(setting)
    ]


def _policy(name: LimitName, kind: ClientKind, value: int, burst_s: int) -> Policy:
    setting = PREFIXES[kind] + SETTINGS[name]
    if name in _PER_DAY:
        return Policy(name, setting, value, value, _DAY_S, kind)
    quota = max(1, value * burst_s // _MINUTE_S)
    return Policy(name, setting, value, quota, quota * _MINUTE_S / value, kind)
