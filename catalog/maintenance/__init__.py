"""Keeping the table small, whatever its history: thinning, compaction, and removing orphans."""
