"""Queries in SQL on a snapshot: each is one SELECT, run in a process of its own."""
