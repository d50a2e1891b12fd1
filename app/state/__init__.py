"""Relational state: the database, its models, locks and the ledger; and published folders."""
