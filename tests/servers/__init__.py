"""The servers that several nodes share, for tests: PostgreSQL, S3, and what cuts it off."""
