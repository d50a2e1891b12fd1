"""Tests of app.query."""
