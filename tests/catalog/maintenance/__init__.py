"""Tests of catalog.maintenance."""
