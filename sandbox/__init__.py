"""The process that runs a stranger's query: DuckDB and Arrow, and nothing else of the service.

It is a package of its own so that such a process imports no more than it needs, and so that what
it must not know can't be reached from it: it imports neither `app` nor `catalog`.
"""
