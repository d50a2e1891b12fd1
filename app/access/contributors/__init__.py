"""Whose contributions are: keyed hashes of ids, contributor keys, and hashes of networks."""
