"""Tests of app.maps."""
