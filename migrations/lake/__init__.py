"""The numbered steps that bring the Iceberg table to its present form.

A step is a module `step_NNNN_name` here with `upgrade(catalog)`. It may be run again after it was
cut off in the middle, so it has to come to the same end from wherever it stopped. How far a lake
has come is kept with the lake, as a property of its namespace.
"""

from importlib import import_module
from pkgutil import iter_modules

from pyiceberg.catalog import Catalog

from catalog.schema import NAMESPACE

REVISION_PROPERTY = "chatlake.revision"


def upgrade(catalog: Catalog) -> list[str]:
    """Run the steps that the lake hasn't had yet, and return their names."""
    catalog.create_namespace_if_not_exists(NAMESPACE)
    done = catalog.load_namespace_properties(NAMESPACE).get(REVISION_PROPERTY, "")
    pending = [step for step in steps() if step > done]
    for step in pending:
        import_module(f"{__name__}.{step}").upgrade(catalog)
        catalog.update_namespace_properties(NAMESPACE, updates={REVISION_PROPERTY: step})
    return pending


def steps() -> list[str]:
    """Return the names of all steps, in their order."""
    return sorted(module.name for module in iter_modules(__path__) if module.name[:5] == "step_")
