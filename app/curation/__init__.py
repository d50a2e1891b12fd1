"""Curation: computing the stages `cleaned` and `curated` from the raw contributions."""

import os
from typing import Final

QUIET_DAFT: Final = {"DAFT_ANALYTICS_ENABLED": "0", "DAFT_PROGRESS_BAR": "0"}
"""Environment without Daft's telemetry and progress bars."""

# Set here, since Daft reports its own import unless it was told before not to. The processes that
# it starts inherit the environment.
os.environ.update(QUIET_DAFT)
