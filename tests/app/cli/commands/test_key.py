from datetime import UTC, datetime, timedelta

import pytest
from click.testing import Result
from flask.testing import FlaskCliRunner

from app.services import Services


def key(runner: FlaskCliRunner, *arguments: str) -> Result:
    return runner.invoke(args=["key", *arguments])


def test_a_key_is_shown_once_and_works_until_it_is_revoked(
    runner: FlaskCliRunner, services: Services
) -> None:
    made = key(runner, "create", "mirror", "--role", "read")
    assert made.exit_code == 0, made.output
    text = made.stdout.strip()
    assert services.access.keys.verify(text).name == "mirror"
    services.access.keys.close()
    (line,) = key(runner, "list").stdout.splitlines()
    key_id, name, role, state, made_at, expires, used = line.split("\t")
    assert (key_id, name, role, state, expires) == (text[4:20], "mirror", "read", "valid", "-")
    assert made_at[:10] == used[:10] == datetime.now(UTC).date().isoformat()
    assert text[21:] not in line
    assert key(runner, "revoke", key_id).stdout == "mirror is revoked\n"
    assert "\trevoked\t" in key(runner, "list").stdout


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90d", timedelta(days=90)),
        ("12h", timedelta(hours=12)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_a_key_expires_after_a_duration(
    runner: FlaskCliRunner, services: Services, text: str, expected: timedelta
) -> None:
    assert key(runner, "create", "a", "--role", "ingest", "--expires", text).exit_code == 0
    (made,) = services.access.keys.all()
    assert made.expires_at is not None
    assert abs(made.expires_at - made.made_at - expected) < timedelta(minutes=1)


def test_a_key_expires_at_a_time(runner: FlaskCliRunner, services: Services) -> None:
    for name, text in (("a", "2100-01-31"), ("b", "2100-01-31T01:00+01:00")):
        assert key(runner, "create", name, "--role", "ingest", "--expires", text).exit_code == 0
    moments = {made.expires_at for made in services.access.keys.all()}
    assert moments == {datetime(2100, 1, 31, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create", "a b", "--role", "read"), "the name 'a b' doesn't match"),
        (("create", "a"), "Missing option '--role'"),
        (("create", "a", "--role", "root"), "'root' is not one of"),
        (("create", "a", "--role", "read", "--expires", "2001-01-01"), "2001-01-01 is over"),
        (("create", "a", "--role", "read", "--expires", "soon"), "'soon' is neither a date"),
        (("create", "a", "--role", "read", "--expires", "0d"), "0d is over"),
        (("create", "a", "--role", "read", "--expires", "9" * 30 + "d"), "is neither a date"),
        (("revoke", "none"), "no key has the name or the id 'none'"),
    ],
)
def test_wrong_arguments_are_told(
    runner: FlaskCliRunner, arguments: tuple[str, ...], message: str
) -> None:
    result = key(runner, *arguments)
    assert result.exit_code in {1, 2}
    assert message in result.stderr
    assert key(runner, "list").stdout == ""


def test_a_key_can_have_limits_of_its_own(runner: FlaskCliRunner, services: Services) -> None:
    own = ("--limit", "rows_per_day=5000000", "--limit", "reads_per_minute=0")
    assert key(runner, "create", "importer", "--role", "ingest", *own).exit_code == 0
    shown = "importer\treads_per_minute=0 rows_per_day=5000000\n"
    assert key(runner, "limit", "importer").stdout == shown
    changed = key(runner, "limit", "importer", "reads_per_minute=default", "uploads_per_minute=6")
    assert changed.stdout == "importer\trows_per_day=5000000 uploads_per_minute=6\n"
    (made,) = services.access.keys.all()
    assert made.limits == {"rows_per_day": 5_000_000, "uploads_per_minute": 6}
    assert key(runner, "limit", made.key_id, "rows_per_day=default").exit_code == 0
    assert key(runner, "limit", "importer", "uploads_per_minute=default").stdout == "importer\t-\n"


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("rows_per_day", "'rows_per_day' isn't a limit such as rows_per_day=1000000"),
        ("rows_per_day=-1", "isn't a limit such as"),
        ("rows_per_day=many", "isn't a limit such as"),
        ("rows_per_hour=1", "the limit 'rows_per_hour' isn't one of submissions_per_minute, "),
        ("bytes_per_day=1", "less than max_body_bytes = 16777216"),
    ],
)
def test_a_wrong_limit_is_refused_by_both_commands(
    runner: FlaskCliRunner, limit: str, message: str
) -> None:
    refused = key(runner, "create", "a", "--role", "ingest", "--limit", limit)
    assert refused.exit_code
    assert message in refused.output
    assert key(runner, "create", "a", "--role", "ingest").exit_code == 0
    refused = key(runner, "limit", "a", limit)
    assert refused.exit_code
    assert message in refused.output
    assert key(runner, "limit", "a").stdout == "a\t-\n"


def test_a_key_that_is_not_there_has_no_limits(runner: FlaskCliRunner) -> None:
    for limits in ((), ("rows_per_day=1",)):
        refused = key(runner, "limit", "nobody", *limits)
        assert refused.exit_code == 1
        assert "no key has the name or the id 'nobody'" in refused.output
