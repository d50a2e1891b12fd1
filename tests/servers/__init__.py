"""The servers that several nodes share, for tests: PostgreSQL, S3, and what breaks the way there."""
