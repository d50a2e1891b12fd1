"""Tests of what faults do to the service."""

import pytest

# Else a failed check of these says only that it failed.
pytest.register_assert_rewrite(
    "tests.faults.campaign",
    "tests.faults.ill_disk",
    "tests.faults.kill_calls",
    "tests.faults.lake",
)
