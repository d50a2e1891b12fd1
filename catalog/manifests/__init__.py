"""What manifests tell of data files: paths and days, and the bounds and counts of columns."""
