"""The processes that run strangers' queries: DuckDB and Arrow, and nothing else of the service.

This is a package of its own, which imports neither `app` nor `catalog`. So a query's process
imports no more than it needs, and a query that breaks out of DuckDB finds nothing of the service.
"""
