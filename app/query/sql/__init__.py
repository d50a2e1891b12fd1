"""SQL on a snapshot: one SELECT, run in a process of its own that is thrown away."""
