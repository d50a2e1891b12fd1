"""The floor of a request: a Flask view that does nothing."""

from flask import Flask

application = Flask(__name__)


@application.route("/", methods=["GET", "POST"])
def empty() -> str:
    """Answer with nothing."""
    return ""
