"""Tests of app.iceberg."""
