"""The files that describe a release: its cards and `croissant.json`."""
