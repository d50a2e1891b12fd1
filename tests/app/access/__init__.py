"""Tests of `app.access`."""
