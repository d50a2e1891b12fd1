"""Maintenance that keeps the table small: thinning, compaction, and removing orphans."""
