"""Backups of a whole lake while it runs, and restoring them somewhere else."""
