"""The commands in scripts/: what they start, where, and what they install before it."""
