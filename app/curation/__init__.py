"""Stages: what becomes of the raw contributions before they are released."""

import os

# Daft tells its makers of every import and every query unless it is told before not to, and draws
# progress bars of its own. The processes that it starts inherit this.
os.environ.update(DAFT_ANALYTICS_ENABLED="0", DAFT_PROGRESS_BAR="0")
