"""The first page: what this lake is, in the operator's words."""

from flask import Blueprint, render_template

blueprint = Blueprint("home", __name__, template_folder="templates")


@blueprint.get("/")
def show() -> str:
    """Show what this lake is and holds."""
    return render_template("home/page.html")
