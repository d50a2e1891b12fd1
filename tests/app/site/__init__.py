"""Tests of app.site."""
