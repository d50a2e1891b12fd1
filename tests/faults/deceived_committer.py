"""A committer that believes it leads, whoever else does: its lock always says yes.

`python -m tests.faults.deceived_committer` runs `committer` so, with the settings that it is given.
"""

from flask.cli import FlaskGroup

from app.state.locks import AdvisoryLock, FileLock
from wsgi import application


def main() -> None:
    """Run the committer without a lock."""
    for kind in (FileLock, AdvisoryLock):
        setattr(kind, "try_acquire", lambda _: True)  # noqa: B010  # mypy refuses the plain form
    FlaskGroup(create_app=lambda: application).main(["committer"])


if __name__ == "__main__":
    main()
