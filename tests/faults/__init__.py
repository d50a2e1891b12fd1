"""Campaigns of faults, and their short versions for the test suite."""

import pytest

# Without it, a failed assertion in these modules doesn't show its values.
pytest.register_assert_rewrite(
    "tests.faults.campaign",
    "tests.faults.ill_disk",
    "tests.faults.kill_calls",
    "tests.faults.lake",
)
