"""Texts as points of a plane: their vectors, a sample of them, and its projection."""
