"""Whose things are, who may do what with the lake and see what of it, and how much."""
