"""Telling which data files are opened: those that mustn't be are removed."""

from app.query.snapshots import Reference
from app.services import Services
from catalog.reading.scan import read_every_row
from catalog.schema import ID
from catalog.table import load_table


def remove_files_without(services: Services, *contribution_ids: str) -> None:
    """Remove the data files that have none of some contributions, so that none can be opened."""
    table = load_table(services.catalog)
    for file in services.reading.snapshots.view(Reference()).files():
        ids = [
            each for batch in read_every_row(table, file, [ID]) for each in batch[ID].to_pylist()
        ]
        if not {*ids} & {*contribution_ids}:
            table.io.delete(file.path)
