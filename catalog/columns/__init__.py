"""Contributions as columns of Arrow: made of records, read as rows, and as data files have them."""
