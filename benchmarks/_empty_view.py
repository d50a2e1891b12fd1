"""A Flask view that does nothing: the floor of a request's time."""

from flask import Flask

application = Flask(__name__)


@application.route("/", methods=["GET", "POST"])
def empty() -> str:
    """Answer with nothing."""
    return ""
