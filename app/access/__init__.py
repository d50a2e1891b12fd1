"""Whose things are, who may do what with the lake, and how much of it."""
