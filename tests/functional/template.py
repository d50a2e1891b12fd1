"""A process that has imported the service, and of which servers of tests are forks.

`python -m tests.functional.template DESCRIPTOR` imports what gunicorn's arbiter imports, and
answers the requests that come over a socket. It ends when the other end of the socket is closed.

gunicorn runs in a fork as `python -m gunicorn` runs it: at the end of the program, with its own
session, environment, output and umask. The fork differs in three ways: its command line and
`/proc/PID/environ` are the template's, and so is the seed of Python's hashes.
"""

import os
import sys
from socket import recv_fds, socket
from typing import Final

import msgspec
from gunicorn.app.wsgiapp import run

from app.background.startup import SERVICE, import_libraries

GUNICORN: Final = ("gunicorn", "-c", "gunicorn.conf.py", "wsgi:application")
"""The module that serves, and its arguments."""
MAX_MESSAGE_BYTES: Final = 1024 * 1024


class Start(msgspec.Struct, tag=True):
    """Asks for a new arbiter, and comes with a file descriptor of its output; answered by its pid.

    Attributes:
        environment: The whole environment of the arbiter.
        umask: The umask of the arbiter; -1 for the template's.
    """

    environment: dict[str, str]
    umask: int


class Reap(msgspec.Struct, tag=True):
    """Asks for the exit code of an arbiter that has ended, or waits for its end.

    Attributes:
        pid: The arbiter's process id.
    """

    pid: int


def main(descriptor: int) -> None:
    """Import the service, and fork until there are no more requests; in a fork, run gunicorn.

    Args:
        descriptor: The file descriptor of the socket on which the requests come.
    """
    # As in gunicorn.conf.py, which is run by each fork, and then finds them imported.
    import_libraries("duckdb", "flask_smorest")
    import_libraries(*SERVICE)
    with socket(fileno=descriptor) as control:
        is_fork = _fork_when_asked(control)
    if is_fork:
        sys.argv = [*GUNICORN]
        run(prog=GUNICORN[0])


def _fork_when_asked(control: socket) -> bool:
    """Answer requests; return True in each fork, and False in the template at the end."""
    decoder = msgspec.json.Decoder(Start | Reap)
    while True:
        message, descriptors, _, _ = recv_fds(control, MAX_MESSAGE_BYTES, 1)
        if not message:
            return False
        match decoder.decode(message):
            case Start() as start:
                (output,) = descriptors
                answer = _fork(start, output)
                if not answer:
                    return True
                os.close(output)
            case Reap(pid):
                _, status = os.waitpid(pid, 0)
                answer = os.waitstatus_to_exitcode(status)
        control.send(msgspec.json.encode(answer))


def _fork(start: Start, output: int) -> int:
    """Fork; return the pid once the fork has its session, and 0 in the fork."""
    in_session, has_session = os.pipe()
    pid = os.fork()
    if pid:
        os.close(has_session)
        os.read(in_session, 1)
        os.close(in_session)
        return pid
    os.setsid()
    os.close(in_session)
    os.close(has_session)
    os.dup2(output, sys.stdout.fileno())
    os.dup2(output, sys.stderr.fileno())
    os.close(output)
    os.environ.clear()
    os.environ.update(start.environment)
    if start.umask >= 0:
        os.umask(start.umask)
    return 0


if __name__ == "__main__":
    main(int(sys.argv[1]))
