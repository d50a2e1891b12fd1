"""Tests of the whole service, on a real server."""
