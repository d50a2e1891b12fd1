"""Changes of the stored state, in order: `sql` of the database, `lake` of the Iceberg table."""
