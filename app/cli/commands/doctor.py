"""`doctor`: check everything that has to be true of the lake."""

import sys
from dataclasses import asdict

import click
import msgspec
from flask.cli import with_appcontext

from app.cli.errors import shows_errors
from app.doctor.examination import CHECKS, examine
from app.doctor.examined_lake import ExaminedLake
from app.services import current_services
from catalog.wording import counted


@click.command()
@click.option("--deep", is_flag=True, help="Decode every data file too, and compare all sums.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each finding.")
@with_appcontext
@shows_errors
def doctor(*, deep: bool, as_json: bool) -> None:
    """Check everything that has to be true of the lake, and say how to mend what isn't.

    It changes nothing, and the service may run. The exit code is 1 when something was found.
    """
    services = current_services()
    lake = ExaminedLake(
        settings=services.settings,
        database=services.database,
        catalog=services.catalog,
        is_deep=deep,
    )
    findings = examine(lake)
    for finding in findings:
        if as_json:
            click.echo(msgspec.json.encode(asdict(finding)))
        else:
            click.echo(f"{finding.severity}: {finding.check}: {finding.what}")
            click.echo(f"    to mend it: {finding.mend}")
    if not as_json:
        click.echo(f"{counted(len(CHECKS), 'check')}, {counted(len(findings), 'finding')}")
    sys.exit(bool(findings))
