"""Keep reports, the quarantine, bans and the log of moderation, in place of suppressions.

What was suppressed is hidden from every reader afterwards: contributions are in quarantine, and
contributors are banned. Their contributions are hidden when the service or the next build finds the
ban unfinished, since this migration doesn't read the lake.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_RowId = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_MOVES = (
    "INSERT INTO quarantine (contribution_id, cause, reason, actor, quarantined_at)"
    " SELECT identifier, 'hand', reason, 'service:migration', suppressed_at"
    " FROM suppressions WHERE kind = 'contribution'",
    "INSERT INTO quarantined_versions (contribution_id, version_id)"
    " SELECT identifier, identifier FROM suppressions WHERE kind = 'contribution'",
    "INSERT INTO hidden_contributions (contribution_id, cause, hidden_at)"
    " SELECT identifier, 'quarantine', suppressed_at"
    " FROM suppressions WHERE kind = 'contribution'",
    "INSERT INTO bans (contributor_id, state, reason, banned_by, banned_at)"
    " SELECT identifier, 'hiding', reason, 'service:migration', suppressed_at"
    " FROM suppressions WHERE kind = 'contributor'",
    "INSERT INTO moderation_log (decided_at, actor, action, kind, identifier, reason)"
    " SELECT suppressed_at, 'service:migration',"
    " CASE kind WHEN 'contributor' THEN 'ban' ELSE 'quarantine' END, kind, identifier, reason"
    " FROM suppressions ORDER BY suppressed_at, identifier",
    # Both lists count their changes; that of bans is new.
    "INSERT INTO list_versions (name, number) VALUES ('bans', 1)",
    "UPDATE list_versions SET number = number + 1 WHERE name = 'hidden'",
    "INSERT INTO list_versions (name, number)"
    " SELECT 'hidden', 1 WHERE NOT EXISTS (SELECT 1 FROM list_versions WHERE name = 'hidden')",
)
_SQLITE_TRIGGERS = (
    "CREATE TRIGGER moderation_log_update BEFORE UPDATE ON moderation_log"
    " BEGIN SELECT RAISE(ABORT, 'the log of moderation is only appended to'); END",
    "CREATE TRIGGER moderation_log_delete BEFORE DELETE ON moderation_log"
    " BEGIN SELECT RAISE(ABORT, 'the log of moderation is only appended to'); END",
    # SQLite's INSERT OR REPLACE removes a row without the trigger of DELETE.
    "CREATE TRIGGER moderation_log_replace BEFORE INSERT ON moderation_log"
    " WHEN EXISTS (SELECT 1 FROM moderation_log WHERE entry_id = NEW.entry_id)"
    " BEGIN SELECT RAISE(ABORT, 'the log of moderation is only appended to'); END",
)
_POSTGRESQL_TRIGGERS = (
    "CREATE FUNCTION refuse_moderation_log_change() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION 'the log of moderation is only appended to'; END $$",
    "CREATE TRIGGER moderation_log_change BEFORE UPDATE OR DELETE OR TRUNCATE ON moderation_log"
    " FOR EACH STATEMENT EXECUTE FUNCTION refuse_moderation_log_change()",
)


def upgrade() -> None:
    """Create the tables, move the suppressions into them, and guard the log."""
    _create_reports()
    _create_quarantine()
    _create_log()
    _create_bans()
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in (*_MOVES, *(_SQLITE_TRIGGERS if is_sqlite else _POSTGRESQL_TRIGGERS)):
        op.execute(statement)
    op.drop_table("suppressions")


def _create_reports() -> None:
    op.create_table(
        "reports",
        sa.Column("report_id", _RowId, primary_key=True, autoincrement=True),
        sa.Column("contribution_id", sa.String(36), nullable=False),
        sa.Column("reporter", sa.String(32), nullable=False),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("comment", sa.Text),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("reports_once", "reports", ["contribution_id", "reporter"], unique=True)
    op.create_index("reports_by_reporter", "reports", ["reporter", "reported_at"])


def _create_quarantine() -> None:
    op.create_table(
        "quarantine",
        sa.Column("contribution_id", sa.String(36), primary_key=True),
        sa.Column("cause", sa.String(16), primary_key=True),
        sa.Column("reason", sa.Text),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("quarantined_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "quarantined_versions",
        sa.Column("contribution_id", sa.String(36), primary_key=True),
        sa.Column("version_id", sa.String(36), primary_key=True, index=True),
    )
    op.create_table(
        "approvals",
        sa.Column("contribution_id", sa.String(36), primary_key=True),
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=False),
    )


def _create_log() -> None:
    op.create_table(
        "moderation_log",
        sa.Column("entry_id", _RowId, primary_key=True, autoincrement=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("identifier", sa.String(512), nullable=False, index=True),
        sa.Column("reason", sa.Text),
        sqlite_autoincrement=True,
    )


def _create_bans() -> None:
    op.create_table(
        "bans",
        sa.Column("contributor_id", sa.String(512), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("banned_by", sa.String(120), nullable=False),
        sa.Column("banned_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "banned_contributions",
        sa.Column("contribution_id", sa.String(36), primary_key=True),
        sa.Column("contributor_id", sa.String(512), nullable=False, index=True),
    )
