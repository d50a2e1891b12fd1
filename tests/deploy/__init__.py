"""Tests of the container files: that they agree with the service and keep their promises."""
