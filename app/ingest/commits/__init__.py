"""From the batches that the committer claims to snapshots of the lake."""
