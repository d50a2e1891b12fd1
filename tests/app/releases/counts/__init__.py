"""Tests of app.releases.counts."""
