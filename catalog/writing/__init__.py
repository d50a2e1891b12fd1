"""Writing data files, durably and before any snapshot refers to them."""
