"""Checks of the errors that commands print."""

from click.testing import Result


def assert_one_line(result: Result, *words: str) -> None:
    """Check that a command failed with one line on stderr, which has these words."""
    assert result.exit_code == 1
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    for word in words:
        assert word in line
