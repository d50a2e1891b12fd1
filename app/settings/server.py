"""Settings: the server."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from app.settings.group import SettingsGroup


@dataclass(frozen=True, kw_only=True)
class ServerSettings(SettingsGroup):
    """The server: where it listens, its processes and connections, what it logs."""

    heading: ClassVar[str] = "The server"

    host: Annotated[str, Meta(description="Address to listen on")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535, description="Port to listen on")] = 8080
    trusted_proxies: Annotated[
        int,
        Meta(
            ge=0,
            description="Number of proxies before the service that each add the address of their "
            "client to `X-Forwarded-For`; with 0 the header is ignored",
        ),
    ] = 0
    workers: Annotated[int, Meta(ge=1, description="gunicorn worker processes")] = 2
    threads: Annotated[
        int, Meta(ge=1, description="Threads in each worker for what isn't answered at once")
    ] = 16
    max_connections: Annotated[
        int,
        Meta(
            ge=1,
            description="Connections that a worker holds; one more ends the one that has been idle "
            "for the longest time",
        ),
    ] = 2_048
    idle_timeout_s: Annotated[
        int,
        Meta(
            ge=1,
            description="How long a client may neither send nor read a byte while the service "
            "waits for it",
        ),
    ] = 30
    min_send_bytes_per_s: Annotated[
        int,
        Meta(
            ge=0,
            description="Bytes per second below which a client that reads an answer is cut off, "
            "averaged over `CHATLAKE_IDLE_TIMEOUT_S`",
        ),
    ] = 8 * 1024
    shutdown_timeout_s: Annotated[
        int, Meta(ge=1, description="How long requests and the committer may take to finish")
    ] = 30
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
        Meta(description="Log messages of this level and above"),
    ] = "INFO"
    log_format: Annotated[
        Literal["auto", "json", "text"],
        Meta(description="Form of log lines; `auto` is text on a terminal and JSON elsewhere"),
    ] = "auto"
    access_log: Annotated[bool, Meta(description="Log every request, not only failed ones")] = False
    metrics: Annotated[
        Literal["auto", "on", "off"],
        Meta(
            description="Whether `/metrics` is answered; `auto` means only when `CHATLAKE_HOST` is "
            "a loopback address"
        ),
    ] = "auto"
    dev: Annotated[
        bool, Meta(description="Restart the workers and the committer when code changes")
    ] = False
    migrate: Annotated[
        bool,
        Meta(
            description="Whether a server creates or upgrades the stored state before it starts; "
            "`scripts/serve` sets it"
        ),
    ] = False

    @property
    def answers_metrics(self) -> bool:
        """Whether `/metrics` is answered."""
        return self.metrics == "on" or (self.metrics == "auto" and _is_loopback(self.host))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
