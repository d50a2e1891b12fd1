"""Tests of app.ingest."""
