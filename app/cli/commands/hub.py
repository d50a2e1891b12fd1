"""`release publish` and `release unpublish`: releases on the Hugging Face Hub."""

import click
from flask.cli import with_appcontext

from app.cli.errors import shows_errors
from app.cli.hub import described
from app.releases.publications import Access
from app.services import current_services
from catalog.wording import counted

_hub = click.option(
    "--hub",
    "repository",
    required=True,
    metavar="ORG/NAME",
    help="The dataset repository.",
)


@click.command()
@click.argument("name")
@_hub
@click.option("--private", "access", flag_value="private", help="Only its organisation reads it.")
@click.option(
    "--gated",
    "access",
    flag_value="gated",
    help="Those read its files whose request you granted on its page; everybody sees its card.",
)
@click.option("--public", "access", flag_value="public", help="Everybody reads it.")
@with_appcontext
@shows_errors
def publish(name: str, repository: str, access: Access | None) -> None:
    """Publish release NAME on the Hugging Face Hub, by the token in CHATLAKE_HUB_TOKEN.

    A repository that isn't there is created, and private unless told otherwise; one that is there
    stays open to whom it was. Only what differs is sent, so the command may be repeated, also after
    it was interrupted.
    """
    publisher = current_services().publishing.hub_publisher()
    published = publisher.publish(
        name,
        repository,
        access,
        lambda path, size: click.echo(f"sent {path}, {counted(size, 'byte')}"),
    )
    click.echo(f"{counted(published.added, 'file')} added or replaced, {published.removed} removed")
    click.echo(described(published.publication))


@click.command()
@click.argument("name")
@_hub
@click.confirmation_option(prompt="Delete the repository on the Hub with all that it holds?")
@with_appcontext
@shows_errors
def unpublish(name: str, repository: str) -> None:
    """Delete the repository of release NAME on the Hub, with its history; the release stays."""
    current_services().publishing.hub_publisher().unpublish(name, repository)
    click.echo(f"{repository} is deleted; the release {name} stays in the lake")
