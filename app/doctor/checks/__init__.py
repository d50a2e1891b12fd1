"""The checks, by the part of the lake that they look at."""
