"""Samples of values that PostgreSQL keeps to plan by, which outlive the rows they were taken from.

`ANALYZE`, which runs by itself, stores frequent values of each column in `pg_statistic`, up to a
kilobyte of each: a short text that was submitted, or an id. No takedown reaches these. The service
looks rows up by keys, which needs no samples.
"""

from typing import Final

from sqlalchemy import Connection, text

_SAMPLED: Final = text("""
    SELECT quote_ident(c.relname) AS relation, quote_ident(a.attname) AS name,
        format_type(a.atttypid, a.atttypmod) AS type
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = current_schema()::regnamespace
        AND c.relkind = 'r' AND c.relowner = current_user::regrole
        AND a.attnum > 0 AND NOT a.attisdropped AND coalesce(a.attstattarget, -1) <> 0
        AND a.atttypid IN ('text'::regtype, 'varchar'::regtype, 'bytea'::regtype, 'json'::regtype)
    ORDER BY c.relname, a.attnum
""")
"""Our columns of texts and bytes of which samples are taken. -1 and null stand for the default."""


def forgo_samples(connection: Connection) -> None:
    """Have PostgreSQL take no more samples of texts and bytes, and erase those that it has.

    Args:
        connection: A connection that commits each statement.
    """
    for relation, name, kind in connection.execute(_SAMPLED).all():
        column = f"ALTER TABLE {relation} ALTER COLUMN {name}"
        connection.exec_driver_sql(f"{column} SET STATISTICS 0")
        # A column whose type is set loses its samples, also if the type stays.
        connection.exec_driver_sql(f"{column} TYPE {kind}")
    # Else its pages keep what was removed. The owner of the database may; another role is told by
    # a warning, and the pages are used again at some time.
    connection.exec_driver_sql("VACUUM FULL pg_statistic")
