"""The rules of the stages: pure functions over Arrow that read and write no table."""
