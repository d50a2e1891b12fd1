"""The lake kernel: Iceberg and Arrow, and nothing of HTTP or of the service's own database."""
