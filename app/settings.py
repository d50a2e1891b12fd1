"""Every setting of the service, from the environment: `CHATLAKE_` and the field's name."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from catalog.errors import LakeError

PREFIX = "CHATLAKE_"
RESERVED = frozenset({"VENV", "TOKEN"})
"""Names with the prefix that the shell scripts or the client read, and the service ignores."""

Access = Literal["open", "keys"]
"""Who may do something: everybody, or those who have an API key."""

Schedule = Literal["off", "daily", "weekly", "monthly"]
"""How often a release is built automatically."""

_MIB = 1024 * 1024
_MAX_VERSION_CHARS = 512
"""Length of a version of terms, which submissions repeat."""
_MAX_EMBARGO_S = 10 * 365 * 86_400
"""Ten years: a longer embargo is a mistake, and would lead out of the calendar."""


class SettingsError(LakeError):
    """A setting has a wrong value, or there is no setting of this name."""

    def __init__(self, variable: str, problem: str) -> None:
        super().__init__(f"{variable}: {problem}")
        self.variable = variable
        self.problem = problem


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The service's settings; `docs/settings.md` is printed from their descriptions."""

    home: Annotated[
        Path,
        Meta(description="The one folder that holds all state that isn't placed elsewhere"),
    ]
    database_url: Annotated[
        str,
        Meta(description="SQLAlchemy URL of the journal and the ledger"),
    ] = field(repr=False)
    catalog_uri: Annotated[str, Meta(description="SQLAlchemy URL of the Iceberg catalog")] = field(
        repr=False
    )
    warehouse: Annotated[str, Meta(description="URL of the folder or bucket for the table's files")]

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

    s3_endpoint: Annotated[str | None, Meta(description="URL of the S3 server")] = None
    s3_access_key_id: Annotated[str | None, Meta(description="S3 access key")] = None
    s3_secret_access_key: Annotated[str | None, Meta(description="S3 secret; never logged")] = (
        field(default=None, repr=False)
    )
    s3_region: Annotated[str | None, Meta(description="S3 region")] = None
    iceberg_s3_endpoint: Annotated[
        str | None,
        Meta(description="URL by which engines reach the S3 server, if it differs from the above"),
    ] = None
    iceberg_s3_access_key_id: Annotated[
        str | None, Meta(description="Read-only S3 access key for engines")
    ] = None
    iceberg_s3_secret_access_key: Annotated[
        str | None,
        Meta(
            description="Secret of the engines' key; shown only with "
            "`CHATLAKE_ICEBERG_VEND_CREDENTIALS`"
        ),
    ] = field(default=None, repr=False)
    iceberg_vend_credentials: Annotated[
        bool,
        Meta(
            description="Give the engines' key and secret to everyone who attaches an engine; "
            "refused under an embargo while the raw table is open"
        ),
    ] = False

    ingest_access: Annotated[
        Access,
        Meta(description="Who may submit: `open` to all, or with `keys` of the role `ingest`"),
    ] = "open"
    raw_access: Annotated[
        Access,
        Meta(
            description="Who may read the raw table, its snapshots, maps and releases: `open` to "
            "all, or with `keys` of the role `read`"
        ),
    ] = "open"
    stage_access: Annotated[
        Access,
        Meta(
            description="Who may read the tables of `cleaned` and `curated`, and their maps: "
            "`open` to all, or with `keys` of the role `read`"
        ),
    ] = "open"

    embargo_s: Annotated[
        int,
        Meta(
            ge=0,
            le=_MAX_EMBARGO_S,
            description="Age from which a snapshot is public. Younger ones need a key of the role "
            "`read`, and no stage, release or map is built of them; 0 means no embargo",
        ),
    ] = 0

    max_body_bytes: Annotated[
        int, Meta(ge=1, description="Largest submission, in bytes after decompression")
    ] = 16 * _MIB
    max_bodies_bytes: Annotated[
        int,
        Meta(
            ge=1,
            description="Bytes of request bodies above 64 KiB each that a worker holds at once; "
            "one body may exceed it",
        ),
    ] = 32 * _MIB
    max_journal_bytes: Annotated[
        int, Meta(ge=1, description="Bytes in the journal that may wait to be committed")
    ] = 4096 * _MIB
    max_uploads: Annotated[int, Meta(ge=1, description="Uploads that a worker handles at once")] = 2
    max_reads: Annotated[
        int,
        Meta(
            ge=1,
            description="Reads of the lake that a worker handles at once, including queries in SQL "
            "and streams",
        ),
    ] = 4
    read_timeout_s: Annotated[
        float,
        Meta(gt=0, description="How long a read of the lake may take until its answer begins"),
    ] = 30.0
    min_send_bytes_per_s: Annotated[
        int,
        Meta(
            ge=0,
            description="Bytes per second below which a client that reads an answer is cut off, "
            "averaged over `CHATLAKE_IDLE_TIMEOUT_S`",
        ),
    ] = 8 * 1024
    body_timeout_s: Annotated[
        float, Meta(gt=0, description="How long receiving the body of a submission may take")
    ] = 30.0
    upload_timeout_s: Annotated[
        float, Meta(gt=0, description="How long receiving an upload may take")
    ] = 3600.0
    idle_timeout_s: Annotated[
        int,
        Meta(
            ge=1,
            description="How long a client may neither send nor read a byte while the service "
            "waits for it",
        ),
    ] = 30
    max_rejected_lines: Annotated[
        int,
        Meta(
            ge=0,
            description="Rejected lines of an upload beyond which the whole upload is rejected",
        ),
    ] = 100_000
    max_turns: Annotated[int, Meta(ge=1, description="Most turns in a conversation")] = 10_000
    max_nesting: Annotated[
        int, Meta(ge=4, description="Deepest nesting of a submission's JSON")
    ] = 64
    max_object_keys: Annotated[int, Meta(ge=1, description="Most keys in a JSON object")] = 1_000
    max_brackets: Annotated[
        int,
        Meta(ge=1, description="Most opening brackets in a submission, those in texts included"),
    ] = 1_000_000

    commit_interval_s: Annotated[
        float, Meta(gt=0, description="Age at which acknowledged contributions are committed")
    ] = 2.0
    awaited_commit_interval_s: Annotated[
        float,
        Meta(
            gt=0,
            description="Least time between commits that are made early because a client waits for "
            "one, or because an upload was acknowledged",
        ),
    ] = 0.25
    commit_max_rows: Annotated[
        int,
        Meta(
            ge=1,
            description="Waiting contributions at which a commit is made early; most rows "
            "of a commit",
        ),
    ] = 50_000
    commit_max_bytes: Annotated[
        int,
        Meta(
            ge=1,
            description="Waiting journal bytes at which a commit is made early; most bytes "
            "of a commit",
        ),
    ] = 64 * _MIB
    idempotency_window_s: Annotated[
        int,
        Meta(
            ge=60,
            description="How long a repeated submission is recognised whose ids own nothing, and "
            "a repeated `Idempotency-Key`",
        ),
    ] = 86_400
    max_wait_s: Annotated[
        int,
        Meta(ge=1, le=60, description="Longest wait for a commit that `Prefer: wait` may ask for"),
    ] = 30
    max_waiting: Annotated[
        int, Meta(ge=0, description="Requests in a worker that may wait for a commit at once")
    ] = 1_000

    page_rows: Annotated[
        int, Meta(ge=1, description="Rows of a page when the request sets no limit")
    ] = 100
    max_page_rows: Annotated[
        int, Meta(ge=1, description="Most rows of a page that a request may ask for")
    ] = 1_000
    max_page_bytes: Annotated[
        int,
        Meta(ge=1, description="Size at which a page ends, even with fewer rows than asked for"),
    ] = 32 * _MIB
    query_memory_mib: Annotated[
        int,
        Meta(
            ge=64,
            description="Memory of a worker for statistics and diffs of releases; beyond it, data "
            "is put aside on disk",
        ),
    ] = 256
    max_groups: Annotated[
        int,
        Meta(ge=1, description="Most groups in statistics; beyond that, the smallest are left out"),
    ] = 10_000

    sql_enabled: Annotated[bool, Meta(description="Whether queries in SQL are answered")] = True
    sql_timeout_s: Annotated[
        float, Meta(gt=0, le=60, description="How long a query in SQL may run")
    ] = 4.0
    sql_memory_mib: Annotated[
        int, Meta(ge=384, description="Memory of the process that runs a query in SQL")
    ] = 512
    sql_max_rows: Annotated[
        int, Meta(ge=1, description="Rows at which the answer to a query in SQL is cut off")
    ] = 50_000
    sql_max_bytes: Annotated[
        int,
        Meta(ge=1, description="Bytes of Arrow at which the answer to a query in SQL is cut off"),
    ] = 16 * _MIB
    sql_pool_size: Annotated[
        int, Meta(ge=1, description="Queries in SQL that a machine runs at once")
    ] = 2
    sql_queries_per_address: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000,
            description="Queries in SQL of one client address or API key that run at once",
        ),
    ] = 1

    reports_to_quarantine: Annotated[
        int,
        Meta(
            ge=0,
            description="Number of networks whose reports hide a contribution until a moderator "
            "decides; 0 for never",
        ),
    ] = 0
    reports_per_day: Annotated[
        int, Meta(ge=1, description="Reports that count of one network in a day")
    ] = 50
    site_title: Annotated[str, Meta(min_length=1, description="What pages call this lake")] = (
        "chatlake"
    )
    site_file: Annotated[
        Path | None,
        Meta(
            description="File of Markdown that says what this lake is, at the top of its first page"
        ),
    ] = None
    terms_version: Annotated[
        str | None, Meta(description="Version of the terms that contributors agree to")
    ] = None
    terms_file: Annotated[
        Path | None, Meta(description="File of Markdown with these terms, which `/terms` shows")
    ] = None
    require_terms: Annotated[
        bool,
        Meta(description="Refuse submissions that don't state `CHATLAKE_TERMS_VERSION`"),
    ] = False
    submissions_per_minute: Annotated[
        int,
        Meta(ge=0, description="Submissions of one client address in a minute; 0 for no limit"),
    ] = 0
    uploads_per_minute: Annotated[
        int, Meta(ge=0, description="Uploads of one client address in a minute; 0 for no limit")
    ] = 0
    reads_per_minute: Annotated[
        int,
        Meta(
            ge=0,
            description="Requests of one client address in a minute that are neither submissions, "
            "uploads nor costly reads; 0 for no limit",
        ),
    ] = 0
    costly_reads_per_minute: Annotated[
        int,
        Meta(
            ge=0,
            description="Streams of contributions, counts, statistics, diffs and queries in SQL of "
            "one client address in a minute; 0 for no limit",
        ),
    ] = 0
    limit_burst_s: Annotated[
        int,
        Meta(
            ge=1,
            le=3_600,
            description="How long a client that pauses saves up what the limits per minute allow",
        ),
    ] = 60
    rows_per_day: Annotated[
        int,
        Meta(
            ge=0,
            description="Conversations that one client address may send at once and again evenly "
            "over each day, in submissions and uploads; 0 for no limit",
        ),
    ] = 0
    bytes_per_day: Annotated[
        int,
        Meta(
            ge=0,
            description="The same in bytes of JSON after decompression; 0 for no limit",
        ),
    ] = 0
    reads_at_once: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000,
            description="Reads of the lake of one client address that a machine runs at once, "
            "including queries in SQL, and streams until they are sent; 0 for no limit",
        ),
    ] = 0
    key_submissions_per_minute: Annotated[
        int,
        Meta(
            ge=0,
            description="Submissions with one API key in a minute; 0 for no limit. What comes with "
            "a key doesn't count for its address",
        ),
    ] = 0
    key_uploads_per_minute: Annotated[
        int, Meta(ge=0, description="Uploads with one API key in a minute; 0 for no limit")
    ] = 0
    key_reads_per_minute: Annotated[
        int,
        Meta(
            ge=0,
            description="Requests with one API key in a minute that are neither submissions, "
            "uploads nor costly reads; 0 for no limit",
        ),
    ] = 0
    key_costly_reads_per_minute: Annotated[
        int, Meta(ge=0, description="Costly reads with one API key in a minute; 0 for no limit")
    ] = 0
    key_rows_per_day: Annotated[
        int,
        Meta(
            ge=0,
            description="Conversations that may be sent with one API key at once and again evenly "
            "over each day; 0 for no limit",
        ),
    ] = 0
    key_bytes_per_day: Annotated[
        int,
        Meta(
            ge=0,
            description="The same in bytes of JSON after decompression; 0 for no limit",
        ),
    ] = 0
    key_reads_at_once: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000,
            description="Reads of the lake with one API key that a machine runs at once; 0 for no "
            "limit",
        ),
    ] = 0
    contributor_submissions_per_minute: Annotated[
        int,
        Meta(
            ge=0,
            description="Submissions of one contributor in a minute, which count for the address "
            "or key too; 0 for no limit",
        ),
    ] = 0
    contributor_rows_per_day: Annotated[
        int,
        Meta(
            ge=0,
            description="Conversations of one contributor, in submissions and uploads, at once and "
            "again evenly over each day; 0 for no limit",
        ),
    ] = 0
    contributor_bytes_per_day: Annotated[
        int,
        Meta(
            ge=0,
            description="The same in bytes of JSON after decompression; 0 for no limit",
        ),
    ] = 0

    maintenance_interval_s: Annotated[
        float, Meta(gt=0, description="How often snapshots are thinned and small files compacted")
    ] = 60.0
    keep_snapshots: Annotated[
        int, Meta(ge=1, description="Number of newest snapshots that stay live")
    ] = 20
    keep_hourly_snapshots: Annotated[
        int, Meta(ge=0, description="Number of past hours of which the newest snapshot stays live")
    ] = 24
    keep_daily_snapshots: Annotated[
        int, Meta(ge=0, description="Number of past days of which the newest snapshot stays live")
    ] = 14
    keep_stage_snapshots: Annotated[
        int,
        Meta(ge=1, description="Number of newest snapshots of each stage's tables that stay live"),
    ] = 3
    read_grace_s: Annotated[
        int,
        Meta(ge=60, description="How long a read may take; replaced files are kept for as long"),
    ] = 3_600
    takedown_grace_s: Annotated[
        float,
        Meta(
            ge=0,
            le=240,
            description="How long readers may go on opening files from which a takedown has erased "
            "something; then these are removed",
        ),
    ] = 60.0
    compact_file_bytes: Annotated[
        int, Meta(ge=1, description="Size at which a compacted file is full")
    ] = 128 * _MIB
    compact_open_day_files: Annotated[
        int,
        Meta(
            ge=2, description="Number of fresh files at which a day that still grows is compacted"
        ),
    ] = 200
    text_index_share: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Share of a processor's time in which each node builds its index of texts; "
            "0 for no index",
        ),
    ] = 0.5
    orphan_interval_s: Annotated[float, Meta(gt=0, description="How often orphans are removed")] = (
        3_600.0
    )
    orphan_age_s: Annotated[
        int, Meta(ge=3600, description="Age at which a file that nothing refers to is removed")
    ] = 3 * 86_400

    ray_address: Annotated[
        str | None,
        Meta(
            description="Address of the Ray cluster that computes stages; unset, this machine does"
        ),
    ] = None

    name_recogniser: Annotated[
        str | None,
        Meta(
            description="`module:attribute` of what finds the names of people that are masked; "
            "unset, names stay"
        ),
    ] = None

    scorers: Annotated[
        str | None,
        Meta(
            description="Scorers of texts, with commas between them: `toxicity`, `moderation`, "
            "names that packages give theirs, or `module:attribute`; unset, texts have no scores"
        ),
    ] = None
    flag_scores: Annotated[
        str | None,
        Meta(
            description="Scores above which a turn is flagged, such as `toxicity>0.95, hate>0.5`; "
            "unset, each scorer decides"
        ),
    ] = None
    quarantine_scores: Annotated[
        str | None,
        Meta(
            description="Scores above which a contribution goes to quarantine when `cleaned` is "
            "built, such as `sexual/minors>0.5`; unset, none does"
        ),
    ] = None
    moderation_url: Annotated[
        str | None,
        Meta(
            description="Where the scorer `moderation` posts texts, such as "
            "`http://127.0.0.1:8000/v1/moderations`"
        ),
    ] = None
    moderation_model: Annotated[
        str | None, Meta(description="The model that it asks for; unset, the server chooses")
    ] = None
    moderation_key: Annotated[
        str | None, Meta(description="The key that it sends as a bearer token; never logged")
    ] = field(default=None, repr=False)
    moderation_timeout_s: Annotated[
        int, Meta(ge=1, le=600, description="How long it waits for an answer")
    ] = 30

    licence: Annotated[
        str, Meta(description="SPDX id of the licence that the manifests of releases state")
    ] = "unknown"
    datasheet: Annotated[
        Path | None,
        Meta(
            description="File of Markdown with the operator's answers to the questions of a "
            "datasheet, which cards of releases show; `scripts/lake datasheet` prints the questions"
        ),
    ] = None
    releases_bucket: Annotated[
        str | None,
        Meta(
            description="Bucket and folder to publish releases in, as `s3://bucket/folder`; unset, "
            "they are published in the home folder"
        ),
    ] = None
    hub_url: Annotated[
        str,
        Meta(description="URL of the Hugging Face Hub, or of a server with its API"),
    ] = "https://huggingface.co"
    hub_token: Annotated[
        str | None,
        Meta(
            description="Token of the Hub that may write to the repositories of releases; never "
            "stored and never logged"
        ),
    ] = field(default=None, repr=False)
    releases_s3_endpoint: Annotated[
        str | None,
        Meta(
            description="URL by which downloads reach the S3 server, if it differs from "
            "`CHATLAKE_S3_ENDPOINT`"
        ),
    ] = None
    download_link_s: Annotated[
        int,
        Meta(
            ge=1, le=604_800, description="How long a download link to a file in the bucket works"
        ),
    ] = 3_600
    schedule_raw: Annotated[
        Schedule, Meta(description="How often a raw release is built automatically")
    ] = "daily"
    schedule_cleaned: Annotated[
        Schedule, Meta(description="How often a cleaned release is built automatically")
    ] = "off"
    schedule_curated: Annotated[
        Schedule, Meta(description="How often a curated release is built automatically")
    ] = "weekly"
    schedule_retry_s: Annotated[
        int,
        Meta(ge=60, description="Time after which a scheduled release that failed is tried again"),
    ] = 3_600

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings from environment variables; an empty one counts as unset.

        Raises:
            SettingsError: A `CHATLAKE_` variable is unknown or has a wrong value.
        """
        values = {
            name.removeprefix(PREFIX).lower(): value
            for name, value in environment.items()
            if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in RESERVED and value
        }
        known = {field.name for field in fields(cls)}
        for name in sorted(values.keys() - known):
            raise SettingsError(PREFIX + name.upper(), "there is no such setting")
        return cls.at(values.pop("home", "data"), **values)

    @classmethod
    def at(cls, home: str | Path, **values: object) -> Self:
        """Return the settings of a service whose state lies in one folder.

        Args:
            home: The folder, which holds every place that `values` doesn't set.
            values: Other settings, each as its own type or as text.

        Raises:
            SettingsError: A value is wrong.
        """
        folder = Path(home).absolute()
        places = {
            "home": folder,
            "database_url": f"sqlite:///{folder}/chatlake.db",
            "catalog_uri": f"sqlite:///{folder}/catalog.db",
            "warehouse": f"file://{folder}/warehouse",
        }
        try:
            settings = msgspec.convert({**places, **values}, cls, strict=False, dec_hook=_decode)
        except msgspec.ValidationError as error:
            problem, _, name = str(error).partition(" - at `$.")
            raise SettingsError(PREFIX + name.rstrip("`").upper(), problem) from error
        _check_vending(settings)
        _check_bucket(settings)
        _check_hub(settings)
        _check_quotas(settings)
        _check_terms(settings)
        _check_scores(settings)
        return settings

    @property
    def answers_metrics(self) -> bool:
        """Whether `/metrics` is answered."""
        return self.metrics == "on" or (self.metrics == "auto" and _is_loopback(self.host))

    @property
    def releases(self) -> Path:
        """The folder of published releases; with a bucket, releases are only built in it."""
        return self.home / "releases"

    @property
    def maps(self) -> Path:
        """The folder of maps."""
        return self.home / "maps"

    @property
    def outcomes(self) -> Path:
        """The folder of what builds of stages found when they compared texts."""
        return self.home / "outcomes"

    @property
    def text_index(self) -> Path:
        """The folder of this node's index of texts, which can be removed at any time."""
        return self.home / "text-index"

    @property
    def catalog_properties(self) -> dict[str, str]:
        """Pyiceberg's properties to reach the warehouse, including the S3 secret."""
        s3 = {
            "s3.endpoint": self.s3_endpoint,
            "s3.access-key-id": self.s3_access_key_id,
            "s3.secret-access-key": self.s3_secret_access_key,
            "s3.region": self.s3_region,
            # Servers other than AWS's often have no DNS name for each bucket.
            "s3.force-virtual-addressing": "false" if self.s3_endpoint else None,
        }
        return {name: value for name, value in s3.items() if value is not None}


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _decode(kind: type, value: Any) -> Any:
    return kind(value)


def _check_bucket(settings: Settings) -> None:
    url = settings.releases_bucket
    if url is None:
        return
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
        raise SettingsError(f"{PREFIX}RELEASES_BUCKET", "not a URL such as s3://bucket/releases")


def _check_hub(settings: Settings) -> None:
    parts = urlsplit(settings.hub_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise SettingsError(f"{PREFIX}HUB_URL", "not a URL such as https://huggingface.co")
    if settings.hub_token is not None and not _is_printable_ascii(settings.hub_token):
        raise SettingsError(f"{PREFIX}HUB_TOKEN", "has a space or a character that no token has")


def _is_printable_ascii(text: str) -> bool:
    return bool(text) and all("!" <= each <= "~" for each in text)


def _check_quotas(settings: Settings) -> None:
    for name in ("bytes_per_day", "key_bytes_per_day", "contributor_bytes_per_day"):
        if 0 < getattr(settings, name) < settings.max_body_bytes:
            raise SettingsError(
                PREFIX + name.upper(),
                f"less than {PREFIX}MAX_BODY_BYTES, so the largest submissions could never be "
                "taken",
            )


def _check_terms(settings: Settings) -> None:
    version = settings.terms_version
    if version and not (version.isprintable() and len(version) <= _MAX_VERSION_CHARS):
        problem = f"more than {_MAX_VERSION_CHARS} characters, or one that isn't printable"
        raise SettingsError(f"{PREFIX}TERMS_VERSION", problem)
    if settings.require_terms and not (version and settings.terms_file):
        raise SettingsError(
            f"{PREFIX}REQUIRE_TERMS",
            f"{PREFIX}TERMS_VERSION and {PREFIX}TERMS_FILE have to say which terms",
        )


def _check_scores(settings: Settings) -> None:
    for name in ("flag_scores", "quarantine_scores"):
        if getattr(settings, name) and not settings.scorers:
            raise SettingsError(PREFIX + name.upper(), f"{PREFIX}SCORERS has to name a scorer")
    url = settings.moderation_url
    if url is not None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            example = "http://127.0.0.1:8000/v1/moderations"
            raise SettingsError(f"{PREFIX}MODERATION_URL", f"not a URL such as {example}")


def _check_vending(settings: Settings) -> None:
    """Refuse to give away a key that isn't set, is the service's own, or opens what is closed."""
    if not settings.iceberg_vend_credentials:
        return
    variable = f"{PREFIX}ICEBERG_S3_ACCESS_KEY_ID"
    if settings.iceberg_s3_access_key_id is None or settings.iceberg_s3_secret_access_key is None:
        raise SettingsError(variable, "it and its secret are to be given away, but not set")
    if settings.iceberg_s3_access_key_id == settings.s3_access_key_id:
        raise SettingsError(variable, "the service's own key is not to be given away")
    if settings.raw_access != settings.stage_access:
        # Whoever may load the table of a stage would be given a key to the raw table's files too.
        raise SettingsError(
            f"{PREFIX}ICEBERG_VEND_CREDENTIALS",
            "the key opens the files of all tables, which RAW_ACCESS and STAGE_ACCESS tell apart",
        )
    if settings.embargo_s and settings.raw_access == "open":
        raise SettingsError(
            f"{PREFIX}ICEBERG_VEND_CREDENTIALS",
            f"the key opens the files of young snapshots, which {PREFIX}EMBARGO_S keeps from "
            "everybody without a key of the role `read`",
        )
