"""Other engines on one lake: they find the same rows, by the snippets of docs/reading.md."""
