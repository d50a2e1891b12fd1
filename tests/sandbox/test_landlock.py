import socket
from pathlib import Path

import pytest

from tests.sandbox.programs import output_of

pytestmark = pytest.mark.slow

ATTEMPTS = """
    import socket, sys
    from pathlib import Path
    from sandbox.confinement import give_up_privileges
    from sandbox.landlock import restrict

    offered, alone, secret, port, allow_tcp = sys.argv[1:]
    "name".encode("idna")  # it is imported with the first name, from a folder that isn't offered
    give_up_privileges()
    assert restrict([Path(offered), Path(alone), Path("/nowhere")], allow_tcp=allow_tcp == "True")

    def attempt(name, action):
        try:
            action()
            print(name, "done")
        except PermissionError:
            print(name, "denied")

    attempt("read", lambda: (Path(offered) / "file").read_text())
    attempt("list", lambda: list(Path(offered).iterdir()))
    attempt("write", lambda: (Path(offered) / "file").write_text("x"))
    attempt("make", lambda: (Path(offered) / "new").touch())
    attempt("remove", lambda: (Path(offered) / "file").unlink())
    attempt("read a file", lambda: Path(alone).read_text())
    attempt("write a file", lambda: Path(alone).write_text("x"))
    attempt("read another", lambda: Path(secret).read_text())
    attempt("list another", lambda: list(Path("/").iterdir()))
    attempt("connect", lambda: socket.create_connection(("127.0.0.1", int(port))))
"""


def attempts(folder: Path, *, allow_tcp: bool) -> dict[str, str]:
    """Run a restricted program, and return which of its attempts were denied."""
    offered, alone, secret = folder / "offered", folder / "alone", folder / "secret"
    offered.mkdir()
    for file in (offered / "file", alone, secret):
        file.write_text("text")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        lines = output_of(ATTEMPTS, offered, alone, secret, port, allow_tcp)
    return dict(line.rsplit(" ", 1) for line in lines)


def test_a_restricted_process_reads_allowed_files_and_folders_only(tmp_path: Path) -> None:
    assert attempts(tmp_path, allow_tcp=False) == {
        "read": "done",
        "list": "done",
        "write": "denied",
        "make": "denied",
        "remove": "denied",
        "read a file": "done",
        "write a file": "denied",
        "read another": "denied",
        "list another": "denied",
        "connect": "denied",
    }


def test_a_process_that_may_connect_still_reads_nothing_else(tmp_path: Path) -> None:
    made = attempts(tmp_path, allow_tcp=True)
    assert made["connect"] == "done"
    assert made["read another"] == "denied"
