"""The numbered steps that bring the Iceberg tables to their present form.

A step is a module `step_NNNN_name` in this package with a function `upgrade(catalog, database)`,
which gets the migrated database of the journal and the ledger too. A step that was interrupted is
run again, so it must have the same result wherever it stopped. The name of the last finished step
is a property of the lake's namespace.
"""

from importlib import import_module
from pkgutil import iter_modules

from pyiceberg.catalog import Catalog

from app.state.db import Database
from catalog.schema import NAMESPACE

REVISION_PROPERTY = "chatlake.revision"


def upgrade(catalog: Catalog, database: Database) -> list[str]:
    """Run the steps that haven't been run on this lake yet, and return their names.

    Args:
        catalog: The catalog of the tables.
        database: The database of the journal and the ledger, whose migrations have been run.
    """
    catalog.create_namespace_if_not_exists(NAMESPACE)
    done = catalog.load_namespace_properties(NAMESPACE).get(REVISION_PROPERTY, "")
    pending = [step for step in steps() if step > done]
    for step in pending:
        import_module(f"{__name__}.{step}").upgrade(catalog, database)
        catalog.update_namespace_properties(NAMESPACE, updates={REVISION_PROPERTY: step})
    return pending


def steps() -> list[str]:
    """Return the names of all steps, in the order in which they are run."""
    return sorted(module.name for module in iter_modules(__path__) if module.name[:5] == "step_")
