"""Tests of app.releases.hub."""
