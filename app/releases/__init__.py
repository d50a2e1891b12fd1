"""Releases: stages of a snapshot as folders that anyone can download."""
