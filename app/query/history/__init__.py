"""What changed between snapshots: changes, differences, and the versions of a conversation."""
