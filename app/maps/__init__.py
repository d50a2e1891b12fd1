"""Maps: conversations of a stage as points in a plane, with similar ones near each other."""
