"""Servers for tests: PostgreSQL, S3, Ray, and a proxy that cuts connections."""
