"""Releases: a stage of a snapshot, published as a folder that anyone can download."""
