"""Uploads: many submissions, one in each line, decoded by columns and staged as data files."""
