"""Mirrors app/curation."""
