"""`datasheet`: the questions of a datasheet, for the operator to answer in a file."""

import click

from app.releases.descriptions.datasheet import template


@click.command()
def datasheet() -> None:
    """Print the questions of a datasheet, in Markdown.

    CHATLAKE_DATASHEET names the file with the answers.
    """
    click.echo(template(), nl=False)
