"""A committer that always believes it leads, because taking its lock always succeeds.

`python -m tests.faults.deceived_committer` runs it, with settings from the environment.
"""

from flask.cli import FlaskGroup

from app.state.locks import AdvisoryLock, FileLock
from wsgi import application


def main() -> None:
    """Run the command `committer` with locks that don't lock."""
    for kind in (FileLock, AdvisoryLock):
        setattr(kind, "try_acquire", lambda _: True)  # noqa: B010  # mypy refuses the plain form
    FlaskGroup(create_app=lambda: application).main(["committer"])


if __name__ == "__main__":
    main()
