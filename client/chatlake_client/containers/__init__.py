"""Reads rows from files of any kind: archives, compressed files, JSON, JSONL, CSV, Parquet."""
