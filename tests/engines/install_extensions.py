"""Installs DuckDB's extensions from Python packages, as DuckDB would by itself from the internet.

`python -m tests.engines.install_extensions` needs them in its environment, and DuckDB 1.5.
"""

from importlib.resources import files
from typing import Final

import duckdb

EXTENSIONS: Final = ("avro", "httpfs", "iceberg")


def main() -> None:
    """Install each into the home folder."""
    with duckdb.connect() as connection:
        for name in EXTENSIONS:
            version = f"v{duckdb.__version__}"
            package = files(f"duckdb_extension_{name}") / "extensions" / version
            connection.execute(f"INSTALL '{package / f'{name}.duckdb_extension'}'")


if __name__ == "__main__":
    main()
