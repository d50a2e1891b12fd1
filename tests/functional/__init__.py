"""Tests of the whole service, on a real server."""

import pytest

# Else a failed check of these says only that it failed.
pytest.register_assert_rewrite("tests.functional.server", "tests.functional.load")
