import os
from collections.abc import Iterator

import pytest

from app.background.umask import restrict_umask


@pytest.fixture(autouse=True)
def own_umask() -> Iterator[None]:
    """A test leaves the umask of this process as it was."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.parametrize(
    ("started_with", "restricted"),
    [(0, 0o022), (0o002, 0o022), (0o022, 0o022), (0o027, 0o027), (0o007, 0o027), (0o077, 0o077)],
)
def test_others_may_not_write_and_a_stricter_umask_stays(
    started_with: int, restricted: int
) -> None:
    os.umask(started_with)
    assert restrict_umask() == restricted
    assert os.umask(0) == restricted
