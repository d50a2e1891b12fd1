"""The pages of snapshots: the history of the lake, one of each snapshot, and differences of two."""

from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from marshmallow import ValidationError
from werkzeug import Response

from app.api.access import current_audience
from app.api.paging import page_rows, parse_sequence_number
from app.api.reads import reads_lake
from app.api.schemas.paging import PagingSchema
from app.api.schemas.snapshots import DiffPathSchema, SnapshotPathSchema
from app.api.views.releases import listed_releases
from app.query.snapshots import Reference
from app.services import current_services
from catalog.snapshots import Snapshot

blueprint = Blueprint("snapshot_pages", __name__)

_OPERATIONS: Final = {
    "append": "added contributions",
    "overwrite": "wrote files anew, as after a takedown",
    "replace": "compacted files",
    "delete": "removed files",
}
"""What a commit did, by Iceberg's name of its kind."""


@blueprint.get("/snapshots")
def show_all() -> str:
    """Show the history as a chart, and a page of the snapshots, the newest first."""
    paging = PagingSchema().load(request.args.to_dict())
    limit = page_rows(paging.get("limit"))
    before = parse_sequence_number(paging["cursor"]) if "cursor" in paging else None
    snapshots, audience = current_services().reading.snapshots, current_audience()
    found = snapshots.page(limit + 1, before, audience)
    return render_template(
        "snapshots/list.html",
        snapshots=found[:limit],
        cursor=found[limit - 1].sequence_number if len(found) > limit else None,
        limit=paging.get("limit"),
        is_first=before is None,
        growth=snapshots.growth(audience) if before is None else None,
        operations=_OPERATIONS,
        releases=_releases_by_number(),
    )


@blueprint.get("/snapshots/<snapshot_id>")
def show(snapshot_id: str) -> str:
    """Show a snapshot: what its commit added, and what is made of it."""
    snapshots, audience = current_services().reading.snapshots, current_audience()
    snapshot = _find(snapshot_id)
    names = _releases_by_number().get(snapshot.sequence_number, [])
    return render_template(
        "snapshots/page.html",
        snapshot=snapshot,
        operations=_OPERATIONS,
        earlier=next(iter(snapshots.page(1, snapshot.sequence_number, audience)), None),
        later=snapshots.next_after(snapshot, audience),
        newest=snapshots.find(Reference(), audience),
        releases=names,
        tags=[tag for tag in snapshots.tags(snapshot) if tag not in names],
    )


@blueprint.get("/snapshots/<snapshot_id>/diff")
def choose_diff(snapshot_id: str) -> Response:
    """Redirect to the difference to the snapshot that a form names, whichever is the older one."""
    other = request.args.get("other", "").strip()
    if not other:
        raise ValidationError("Name a snapshot.", "other")
    one = _find(snapshot_id)
    two = _find(other)
    before, after = sorted((one, two), key=lambda each: each.sequence_number)
    return redirect(
        url_for("snapshot_pages.show_diff", before=before.snapshot_id, after=after.snapshot_id)
    )


@blueprint.get("/snapshots/<before>/diff/<after>")
@reads_lake
def show_diff(before: str, after: str) -> str:
    """Show what differs between two snapshots: counts, and the first rows."""
    moments = DiffPathSchema().load({"before": before, "after": after})
    limit = page_rows(None)
    found = current_services().reading.diffs.between(
        moments["before"], moments["after"], limit, current_audience()
    )
    rows = [row for batch in found.rows for row in batch.to_pylist()]
    return render_template("snapshots/diff.html", diff=found, rows=rows)


def _find(moment: str) -> Snapshot:
    reference = SnapshotPathSchema().load({"snapshot_id": moment})["snapshot_id"]
    return current_services().reading.snapshots.find(reference, current_audience())


def _releases_by_number() -> dict[int, list[str]]:
    """Return the names of the releases, by the sequence numbers of their snapshots."""
    names: dict[int, list[str]] = {}
    for manifest in listed_releases().shown:
        names.setdefault(manifest.sequence_number, []).append(manifest.name)
    return names
