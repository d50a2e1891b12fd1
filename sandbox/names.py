"""Names in the text of queries that the sandbox writes itself."""


def quoted(name: str) -> str:
    """Return the name of a column or table as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'
