from pathlib import Path

import pytest

from tests.sandbox.programs import output_of

pytestmark = pytest.mark.slow

LIMITED = """
    import os, resource, sys
    from sandbox.confinement import give_up_privileges, limit
    from sandbox.protocol import QueryLimits

    give_up_privileges()
    limit(QueryLimits(memory_mib=256, cpu_s=2, threads=1, max_rows=1, max_bytes=1))
    try:
        bytearray(256 * 1024 * 1024)
    except MemoryError:
        print("no memory")
    with open(sys.argv[1], "wb", buffering=0) as file:
        try:
            file.write(b"x")
        except OSError as error:
            print(error.strerror)
    print(resource.getrlimit(resource.RLIMIT_CORE))
    print(resource.getrlimit(resource.RLIMIT_CPU))
"""
WITHOUT_LIMIT = """
    import os
    from sandbox.confinement import limit
    from sandbox.protocol import QueryLimits

    pid = os.fork()
    if not pid:
        limit(QueryLimits(memory_mib=256, cpu_s=1, threads=1, max_rows=1, max_bytes=1))
        while True:
            pass
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
ORPHAN = """
    import os
    from sandbox.confinement import die_with

    pid = os.fork()
    if not pid:
        try:
            die_with(1 << 30)
        except SystemExit:
            os._exit(3)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_memory_files_and_dumps_are_limited(tmp_path: Path) -> None:
    assert output_of(LIMITED, tmp_path / "file") == [
        "no memory",
        "File too large",
        "(0, 0)",
        "(2, 2)",
    ]


def test_a_process_that_uses_up_its_processor_time_is_killed() -> None:
    assert output_of(WITHOUT_LIMIT) == ["-9"]


def test_a_process_whose_parent_is_gone_already_ends() -> None:
    assert output_of(ORPHAN) == ["3"]
