"""The rules of the stages: pure functions over Arrow that know no table."""
