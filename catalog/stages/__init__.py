"""The tables of the stages: their schemas, their builds, and their rows in order."""
