"""The way out: from a reference to a moment of the lake to the rows that were there."""
