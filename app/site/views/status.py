"""The page of the status, for operators: what `scripts/lake status` says."""

from flask import Blueprint, render_template

from app.failures import EXPECTED, reason_for
from app.services import current_services
from app.status import read_status

blueprint = Blueprint("status", __name__)


@blueprint.get("/status")
def show() -> str:
    """Show what the lake holds and what waits to be committed."""
    parts = [
        (part, reason_for(part.error) if part.error else None)
        for part in read_status(current_services(), EXPECTED)
    ]
    return render_template("status/page.html", parts=parts)
