"""Contributions as columns: made from values, turned into values, and as a data file has them."""
