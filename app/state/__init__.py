"""State outside of the lake: the database, its models, locks, the ledger, and published folders."""
