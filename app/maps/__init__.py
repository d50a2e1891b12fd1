"""Maps: the conversations of a stage as points in a plane, near those that are about the same."""
