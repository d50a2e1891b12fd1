"""`decontaminate`: name the evaluation sets that curated rows must not overlap with."""

from pathlib import Path

import click
from flask.cli import with_appcontext

from app.cli.errors import shows_errors
from app.curation.evaluation_sets.items import read_items
from app.services import current_services


@click.group()
def decontaminate() -> None:
    """Keep what models are tested on out of curated builds, and out of releases of them.

    Stages and releases that were built before stay as they are.
    """


@decontaminate.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", required=True, help="Name of the set.")
@click.option("--version", required=True, help="Version of the set.")
@click.option("--licence", required=True, help="SPDX id of its licence.")
@click.option("--prompt-field", default="prompt", show_default=True, help="Field of the prompt.")
@click.option("--answer-field", default="answer", show_default=True, help="Field of the answer.")
@with_appcontext
@shows_errors
def add(
    file: Path, name: str, version: str, licence: str, prompt_field: str, answer_field: str
) -> None:
    """Add the evaluation set in FILE: JSON lines or Parquet with a prompt and an answer in a row.

    The answer may be missing.
    """
    items = read_items(file, prompt_field, answer_field)
    added = current_services().curation.evaluation_sets.add(name, version, licence, items)
    click.echo(
        f"{added.name} {added.version} has {added.items} items, SHA-256 {added.sha256}; "
        "what is curated from now on doesn't overlap with it"
    )


@decontaminate.command("list")
@with_appcontext
@shows_errors
def list_all() -> None:
    """List the evaluation sets: name, version, licence, number of items and SHA-256."""
    for known in current_services().curation.evaluation_sets.load():
        parts = known.name, known.version, known.licence, str(known.items), known.sha256
        click.echo("\t".join(parts))


@decontaminate.command()
@click.argument("name")
@with_appcontext
@shows_errors
def remove(name: str) -> None:
    """Remove evaluation set NAME. A set that is shipped with the service can't be removed."""
    current_services().curation.evaluation_sets.remove(name)
    click.echo(f"{name} is removed; what is curated from now on may overlap with it")
