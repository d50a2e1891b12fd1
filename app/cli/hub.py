"""What commands say of releases on the Hugging Face Hub."""

import click

from app.failures import EXPECTED, reason_for
from app.releases.publications import HubPublication
from app.services import Services


def described(publication: HubPublication) -> str:
    """Return where a release is published and what is there, in one line."""
    parts = [publication.url, publication.access]
    if publication.revision is None:
        parts.append("not published completely: publish it again")
    else:
        parts.append(f"revision {publication.revision}, commit {publication.commit_id}")
    if publication.is_outdated:
        parts.append(f"outdated: revision {publication.required_revision} has to replace it")
    if publication.remains:
        parts.append(f"the Hub still has of earlier revisions: {', '.join(publication.remains)}")
    return "; ".join(parts)


def bring_up_to_date(services: Services) -> None:
    """Take out of the Hub what was taken down, and say what is left to do."""
    publications = services.publishing.releases.publications
    if not publications.outdated():
        return
    problem = "its release has no new revision yet"
    try:
        for updated in services.publishing.hub_publisher().update_outdated():
            click.echo(described(updated))
    except EXPECTED as error:
        problem = reason_for(error)
    for each in publications.outdated():
        command = f"scripts/lake release publish {each.release} --hub {each.repository}"
        click.echo(f"{each.repository} on the Hub may still hold them: {problem}", err=True)
        click.echo(
            f"A service with CHATLAKE_HUB_TOKEN tries again by itself; otherwise: {command}",
            err=True,
        )
