"""The files of a map, written from its points and clusters."""
