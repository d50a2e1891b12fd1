"""Counts of rows: made once for each data file, kept in the database, and summed up."""
