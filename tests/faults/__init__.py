"""Tests of what faults do to the service."""
