"""Tests of app.query.sql."""
