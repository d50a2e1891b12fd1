"""Ingest: from the bytes of a submission to a snapshot of the lake."""
