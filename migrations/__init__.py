"""Migrations of the stored state: `sql` of the database, and `lake` of the Iceberg tables."""
