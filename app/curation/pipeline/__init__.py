"""The pipeline of the stages: from rows of the raw table to days of `cleaned` and `curated`."""
