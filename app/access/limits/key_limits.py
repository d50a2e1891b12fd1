"""The limits of one API key, which an operator sets in place of those that all keys have."""

from collections.abc import Mapping
from typing import Final

from app.access.limits.errors import KeyLimitInvalid
from app.access.limits.policies import PREFIXES, SETTINGS
from app.telemetry.labels import ConcurrencyLimitName

AT_ONCE: Final[ConcurrencyLimitName] = "reads_at_once"
KEY_LIMITS: Final = (
    *SETTINGS.values(),
    AT_ONCE,
    *(PREFIXES["contributor"] + SETTINGS[name] for name in ("submissions", "rows", "bytes")),
)
"""The names of a key's limits. Those of contributors hold for each whose conversations it sends."""
_MAX_VALUE: Final = 2**53
"""Values up to this one are exact in JSON."""
_BYTES: Final = frozenset({SETTINGS["bytes"], PREFIXES["contributor"] + SETTINGS["bytes"]})


def check_key_limits(limits: Mapping[str, int | None], max_body_bytes: int) -> None:
    """Check that a key may have these limits of its own.

    Args:
        limits: The values by name; 0 is no limit, and None the limit that all keys have.
        max_body_bytes: The size of the largest submission, in bytes.

    Raises:
        KeyLimitInvalid: A name is unknown, or a value isn't allowed.
    """
    for name, value in limits.items():
        if name not in KEY_LIMITS:
            raise KeyLimitInvalid(name, f"isn't one of {', '.join(KEY_LIMITS)}")
        if value is None:
            continue
        if not 0 <= value <= _MAX_VALUE:
            raise KeyLimitInvalid(name, f"has to be a number from 0 to {_MAX_VALUE}")
        if name in _BYTES and 0 < value < max_body_bytes:
            raise KeyLimitInvalid(
                name,
                f"is less than max_body_bytes = {max_body_bytes}, so the largest submissions "
                "could never be taken",
            )
