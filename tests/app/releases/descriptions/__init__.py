"""Tests of app.releases.descriptions."""
