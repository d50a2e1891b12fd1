"""Whose things are: the ids of contributors and conversations, and what owns them."""
