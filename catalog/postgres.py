"""How to connect to PostgreSQL so that a connection that is gone is noticed within seconds."""

from typing import Final

from sqlalchemy.engine import URL

CONNECT_TIMEOUT_S: Final = 5
"""How long making a connection may take."""
UNANSWERED_TIMEOUT_MS: Final = 5_000
"""How long what was sent may stay without the other side's acknowledgement."""
SERVER_TIMEOUT_MS: Final = 10_000
"""The same on the server's side. It is longer: a leader that is cut off has to notice it before
its lock is given to another."""
KEEPALIVE_IDLE_S: Final = 5
"""How long a connection is idle before its other side is asked for a sign of life."""
KEEPALIVE_INTERVAL_S: Final = 2
KEEPALIVE_COUNT: Final = 3

_PARAMETERS: Final = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "keepalives_idle": KEEPALIVE_IDLE_S,
    "keepalives_interval": KEEPALIVE_INTERVAL_S,
    "keepalives_count": KEEPALIVE_COUNT,
    "tcp_user_timeout": UNANSWERED_TIMEOUT_MS,
    "options": (
        f"-c tcp_keepalives_idle={KEEPALIVE_IDLE_S}"
        f" -c tcp_keepalives_interval={KEEPALIVE_INTERVAL_S}"
        f" -c tcp_keepalives_count={KEEPALIVE_COUNT}"
        f" -c tcp_user_timeout={SERVER_TIMEOUT_MS}"
    ),
}
"""libpq's parameters. https://www.postgresql.org/docs/current/libpq-connect.html"""


def with_timeouts(url: URL) -> URL:
    """Return the URL with our parameters for PostgreSQL, save those that it has already."""
    if url.get_backend_name() != "postgresql":
        return url
    missing = {name: str(value) for name, value in _PARAMETERS.items() if name not in url.query}
    return url.update_query_dict(missing)
