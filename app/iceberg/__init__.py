"""The lake as a read-only Iceberg catalog for other engines; `app.api.iceberg` serves it."""
