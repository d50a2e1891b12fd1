"""The metadata of tables: reading and changing it, and writing it for files that have moved."""
