"""How pages write what the lake holds: turns, cells, numbers, charts, Markdown of strangers."""
