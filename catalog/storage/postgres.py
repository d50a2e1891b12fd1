"""Timeouts of connections to PostgreSQL, by which a lost connection is noticed within seconds."""

from typing import Final

from sqlalchemy.engine import URL

CONNECT_TIMEOUT_S: Final = 5
"""Longest time to establish a connection."""
UNANSWERED_TIMEOUT_MS: Final = 5_000
"""Longest time that sent data may stay unacknowledged by the server (TCP_USER_TIMEOUT)."""
SERVER_TIMEOUT_MS: Final = 10_000
"""The server's own TCP_USER_TIMEOUT. It is longer than the client's, so that a leader that is cut
off notices it before the server gives its lock to another."""
KEEPALIVE_IDLE_S: Final = 5
"""Idle time of a connection before the first TCP keepalive probe."""
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
    """Add the timeouts to a URL of PostgreSQL, without replacing parameters that it has.

    URLs of other databases are returned as they are.
    """
    if url.get_backend_name() != "postgresql":
        return url
    missing = {name: str(value) for name, value in _PARAMETERS.items() if name not in url.query}
    return url.update_query_dict(missing)
