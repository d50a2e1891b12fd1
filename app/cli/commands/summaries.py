"""`summaries`: count the files of the lake, and check the counts."""

import click
from flask.cli import with_appcontext

from app.access.visibility.audience import OPERATOR
from app.cli.errors import shows_errors
from app.query.counts.dimensions import DIMENSIONS
from app.query.filters import Filters
from app.query.snapshots import Reference
from app.services import current_services
from catalog.wording import counted


@click.group()
def summaries() -> None:
    """Counts of files, from which statistics are summed; the committer keeps them on schedule."""


@summaries.command("update")
@with_appcontext
@shows_errors
def update() -> None:
    """Count the files that aren't counted yet, and forget those that are gone."""
    click.echo(f"counted {counted(current_services().reading.summary_job().step(), 'file')}")


@summaries.command("rebuild")
@with_appcontext
@shows_errors
def rebuild() -> None:
    """Forget all counts, and count every file anew."""
    services = current_services()
    services.reading.file_counts.forget(services.reading.file_counts.paths())
    services.reading.row_indexing.clear()
    services.reading.stage_row_index.clear()
    click.echo(f"counted {counted(services.reading.summary_job().step(), 'file')}")


@summaries.command("check")
@with_appcontext
@shows_errors
def check() -> None:
    """Compare all statistics of the newest snapshot, and counts of stages, with a scan of all."""
    services = current_services()
    view = services.reading.snapshots.view(Reference(), OPERATOR)
    wrong = []
    for versions in ("latest", "all"):
        filters = Filters(all_versions=versions == "all")
        for dimension in DIMENSIONS:
            summed = services.reading.statistics.count(view, filters, [dimension])
            scanned = services.reading.statistics.count_each(view, filters, [dimension])
            if summed != scanned:
                wrong.append(f"{versions} versions by {dimension}")
    indexing, paths = services.reading.row_indexing, services.reading.file_counts.paths()
    wrong += [f"indexed rows of {path}" for path in indexing.wrong(view, indexing.paths())]
    of_stages = services.reading.stage_row_index
    wrong += [f"indexed rows of {path}" for path in of_stages.wrong(of_stages.paths())]
    wrong += [f"total of contributors in bucket {bucket}" for bucket in indexing.wrong_totals()]
    wrong += [f"counts of {path}" for path in services.reading.stage_counts.wrong(paths)]
    for name in wrong:
        click.echo(f"wrong: {name}")
    if wrong:
        raise click.ClickException("run `scripts/lake summaries rebuild`")
    click.echo("all statistics are what a scan counts")
