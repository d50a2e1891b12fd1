"""The errors of queries in SQL.

LakeError
├── NotFound
│   └── SqlDisabled
├── Invalid
│   └── SqlError
│       ├── SqlRefused
│       ├── SqlTimeout
│       └── SqlOutOfMemory
├── Overloaded
│   ├── SqlPoolFull
│   ├── SqlNotBegun
│   └── SqlClientBusy
├── Unavailable
│   ├── SqlUnreadable
│   └── SqlCrashed
└── Abandoned
    └── SqlAbandoned

Of what a query's process reports, only its verdict on the query itself gets into these errors.
"""

from typing import Final

from catalog.errors import Abandoned, Invalid, NotFound, Overloaded, Unavailable

_ASK_FOR_LESS: Final = (
    "Only the columns that a query names are read, and a condition on received_at leaves the files"
    " of other days unread: ask for fewer days, or without conversation and content."
)
"""Advice for a query that takes too much time or memory."""


class SqlDisabled(NotFound):
    """The operator has switched SQL off."""

    def __init__(self) -> None:
        super().__init__("SQL is switched off here")


class SqlError(Invalid):
    """The query itself can't be answered.

    Attributes:
        errors: The messages for the client, by field.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.errors = {"query": [reason]}


class SqlRefused(SqlError):
    """The query isn't one SELECT that can be run.

    Attributes:
        reason: The reason, in DuckDB's words or the sandbox's.
    """

    def __init__(self, reason: str) -> None:
        super().__init__("the query can't be run", reason)
        self.reason = reason


class SqlTimeout(SqlError):
    """The query ran for too long."""

    def __init__(self, timeout_s: float) -> None:
        reason = f"It ran longer than {timeout_s:g} s. {_ASK_FOR_LESS}"
        super().__init__("the query took too long", reason)
        self.timeout_s = timeout_s


class SqlOutOfMemory(SqlError):
    """The query needs more memory than a query may have."""

    def __init__(self, memory_mib: int) -> None:
        reason = f"It needs more than {memory_mib} MiB. {_ASK_FOR_LESS}"
        super().__init__("the query needs too much memory", reason)
        self.memory_mib = memory_mib


class SqlPoolFull(Overloaded):
    """The largest number of queries that may run at once is running."""

    def __init__(self, pool_size: int) -> None:
        super().__init__(f"sql_pool_size = {pool_size} queries are running; try again later")
        self.pool_size = pool_size


class SqlNotBegun(Overloaded):
    """The process of a query wasn't ready in time, as on a machine that is too busy."""

    def __init__(self, begin_s: float) -> None:
        super().__init__(f"the query couldn't begin within {begin_s:g} s; try again later")
        self.begin_s = begin_s


class SqlClientBusy(Overloaded):
    """A client has the largest number of queries running that it may have at once."""

    def __init__(self, per_client: int) -> None:
        super().__init__(
            f"sql_queries_per_address = {per_client} is reached by queries that your address or "
            "API key has running; try again when one has ended"
        )
        self.per_client = per_client


class SqlUnreadable(Unavailable):
    """The files of the snapshot can't be read now."""

    def __init__(self, snapshot_id: int | None) -> None:
        super().__init__("the lake's files can't be read now; try again later")
        self.snapshot_id = snapshot_id


class SqlCrashed(Unavailable):
    """The process of the query ended without an answer.

    Attributes:
        exit_code: The process's exit code, or minus the number of the signal that killed it; None
            when it isn't known.
    """

    def __init__(self, exit_code: int | None) -> None:
        super().__init__("the query's process ended without an answer")
        self.exit_code = exit_code


class SqlAbandoned(Abandoned):
    """The client left before the answer."""

    def __init__(self) -> None:
        super().__init__("the client left before the query was answered")
