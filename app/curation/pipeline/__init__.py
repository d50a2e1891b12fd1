"""The pipeline of the stages: it reads the raw table, and writes `cleaned` and `curated`."""
