import inspect
import re

import pytest

import app.curation.errors
import app.iceberg.errors
import app.ingest.errors
import app.maps.errors
import app.query.sql.errors
import app.releases.errors
import catalog.errors
from catalog.errors import (
    BatchSnapshotLost,
    CommitConflict,
    LakeError,
    NotFound,
    SnapshotNotFound,
    TableNotFound,
    TagNotFound,
    TagTaken,
)


def _drawn_tree(docstring: str) -> dict[str, str]:
    """Return the parent of each class in the tree that a docstring draws."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in docstring.splitlines():
        if found := re.fullmatch(r"((?:│   |    )*)(?:[├└]── )?([A-Z]\w+)", line):
            depth = len(found[1]) // 4 + ("── " in line)
            path = [*path[:depth], found[2]]
            if depth:
                parents[found[2]] = path[depth - 1]
    return parents


@pytest.mark.parametrize(
    "module",
    [
        catalog.errors,
        app.curation.errors,
        app.iceberg.errors,
        app.ingest.errors,
        app.maps.errors,
        app.query.sql.errors,
        app.releases.errors,
    ],
)
def test_the_tree_in_the_docstring_is_the_tree_of_classes(module: object) -> None:
    kinds = filter(inspect.isclass, vars(module).values())
    errors = {each for kind in kinds for each in kind.__mro__ if issubclass(each, LakeError)}
    defined = {each.__name__: each.__bases__[0].__name__ for each in errors - {LakeError}}
    assert _drawn_tree(inspect.getdoc(module) or "") == defined


@pytest.mark.parametrize(
    ("error", "attribute", "value"),
    [
        (TableNotFound("chatlake.contributions"), "identifier", "chatlake.contributions"),
        (SnapshotNotFound(2**60), "reference", 2**60),
        (TagNotFound("v1"), "tag", "v1"),
        (TagTaken("v1"), "tag", "v1"),
        (CommitConflict(3), "attempts", 3),
        (BatchSnapshotLost("b-1"), "batch_id", "b-1"),
    ],
)
def test_an_error_has_its_data_as_attributes_and_in_its_message(
    error: LakeError, attribute: str, value: object
) -> None:
    assert getattr(error, attribute) == value
    assert str(value) in str(error)


def test_all_not_found_errors_share_a_base_class() -> None:
    for error in (TableNotFound("t"), SnapshotNotFound(1), TagNotFound("v1")):
        assert isinstance(error, NotFound)
    assert not isinstance(TagTaken("v1"), NotFound)
