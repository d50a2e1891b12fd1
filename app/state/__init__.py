"""State outside of the lake: the database, locks, the ledger, published folders, scratch files."""
