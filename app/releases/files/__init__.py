"""The files of a release: how they are written, listed and read again."""
