"""Reading the lake: from a reference to a snapshot, and from there to its contributions."""
