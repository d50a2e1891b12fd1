"""`release`: list, show, gate and remove releases; `build` and what concerns the Hub are beside."""

import click
from flask.cli import with_appcontext

from app.access.roles import Role
from app.cli.commands.hub import publish, unpublish
from app.cli.commands.release_build import STEPS, build
from app.cli.errors import shows_errors
from app.cli.gates import ROLE_OPTION
from app.cli.hub import described
from app.releases.descriptions.card import ROWS
from app.releases.manifest import Manifest
from app.releases.recipe import RELEASE_NAMES
from app.releases.status import Status
from app.services import current_services
from catalog.wording import counted


@click.group()
def release() -> None:
    """Build, list, show, publish, gate and remove releases."""


@release.command("list")
@with_appcontext
@shows_errors
def list_all() -> None:
    """List the releases: name, stage, rows, snapshot, revision and repositories on the Hub."""
    services = current_services()
    repositories: dict[str, list[str]] = {}
    for each in services.publishing.releases.publications.all():
        repositories.setdefault(each.release, []).append(each.repository)
    for manifest in services.publishing.releases.all():
        columns = manifest.name, manifest.stage, manifest.rows, manifest.snapshot_id
        on_the_hub = ",".join(repositories.get(manifest.name, [])) or "-"
        click.echo("\t".join(map(str, (*columns, manifest.revision, on_the_hub))))


@release.command()
@click.argument("name")
@with_appcontext
@shows_errors
def show(name: str) -> None:
    """Show the state of release NAME, and what it holds."""
    services = current_services()
    releases = services.publishing.releases
    status = releases.status(name)
    lines = _status_lines(status)
    if needed := services.access.gates.needed("release", name):
        lines["gate"] = ", ".join(needed)
    if name in releases.held_back():
        lines["held back"] = "until what is taken down is out of it"
    elif status.state == "published":
        lines |= {"place": releases.location(name), **_manifest_lines(releases.find(name))}
    for title, value in lines.items():
        click.echo(f"{title:15} {value}")
    for publication in services.publishing.releases.publications.of_release(name):
        click.echo(f"{'on the Hub':15} {described(publication)}")


@release.command()
@click.argument("name")
@click.confirmation_option(prompt="Remove its files and tags for good?")
@with_appcontext
@shows_errors
def remove(name: str) -> None:
    """Remove the files and the tags of release NAME. The name can't be used again."""
    services = current_services()
    services.publishing.releases.remove(name)
    services.publishing.maps.remove_with_release(name)
    click.echo(f"{name} is removed; its name stays taken")


@release.command()
@click.argument("name")
@ROLE_OPTION
@with_appcontext
@shows_errors
def gate(name: str, role: Role) -> None:
    """Open release NAME and its maps to API keys only. It may be gated before it is built."""
    RELEASE_NAMES.check(name)
    services = current_services()
    services.access.gates.close("release", name, role)
    click.echo(f"within seconds, release {name} and its maps need a key with the role {role}")
    for each in services.publishing.releases.publications.of_release(name):
        if each.access == "public":
            click.echo(f"on the Hub, {each.repository} stays public; publish it with --gated")


@release.command()
@click.argument("name")
@with_appcontext
@shows_errors
def ungate(name: str) -> None:
    """Remove the gate of release NAME."""
    was_gated = current_services().access.gates.open("release", name)
    click.echo(f"release {name} {'has no gate any more' if was_gated else 'had no gate'}")


for _command in (build, publish, unpublish):
    release.add_command(_command)


def _status_lines(status: Status) -> dict[str, str]:
    lines = {"name": status.name, "stage": status.stage, "state": status.state}
    if status.state == "building":
        done = counted(status.rows_done, "row")
        total = "" if status.rows_total is None else f" of {status.rows_total:,}"
        lines["step"] = f"{STEPS[status.step]}, {done}{total}"
    if status.reason:
        lines["reason"] = status.reason
    for title, moment in (("began", status.started_at), ("ended", status.ended_at)):
        if moment:
            lines[title] = moment.isoformat(timespec="seconds")
    return lines


def _manifest_lines(manifest: Manifest) -> dict[str, str]:
    size = sum(file.bytes for file in manifest.files)
    lines = {
        "snapshot": f"{manifest.snapshot_id} at {manifest.committed_at.isoformat()}",
        "licence": manifest.licence,
        ROWS[manifest.form]: f"{manifest.rows:,}",
        "splits": _counts(manifest.splits),
        "files": f"{manifest.file_count}, {counted(size, 'byte')}",
        "left out": _counts(manifest.dropped),
        "languages": _counts(manifest.languages),
        "masked": _counts(manifest.masked),
    }
    if manifest.revision > 1:
        taken_down = counted(manifest.taken_down, "row was", "rows were")
        lines["revision"] = f"{manifest.revision}, {taken_down} taken down"
    if manifest.sources:
        lines["known from"] = _counts(manifest.sources)
    if manifest.licences:
        lines["own licences"] = _counts(manifest.licences)
    if manifest.statistics and manifest.statistics.irregular:
        lines["irregular"] = _counts(manifest.statistics.irregular)
    return lines


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "-"
