"""Maintenance: keeps commits fast and the tables small, beside the committer or by command."""
