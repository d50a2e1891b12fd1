"""The parameters of the pages that explore the lake, and addresses with other parameters.

They are those of `GET /v1/contributions`, and beside them the stage and the language.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from marshmallow import ValidationError, fields, post_load, validate, validates_schema
from werkzeug.datastructures import MultiDict

from app.api.schemas.selection import PagedSelectionSchema
from app.query.contributions.staged import LACKING, StageFilters
from app.query.counts.rows import LANGUAGE
from app.query.filters import Filters
from app.query.snapshots import Reference
from catalog.stages.tables import COMPUTED_STAGES, STAGES, Stage

STAGE: Final = "stage"
MOMENT: Final = ("snapshot_id", "tag", "as_of")
"""The parameters that name a moment, of which one is given at most."""
PLACE: Final = ("cursor", "limit")
"""The parameters of a page of the results."""
NO_FILTER: Final = frozenset({STAGE, *MOMENT, *PLACE, "sort"})
"""The parameters that don't choose some of the contributions."""
MAX_PARAMETERS: Final = 100
"""Parameters of an address: the page has a link for each, which names all others."""
_LISTS: Final = frozenset({"label"})
_JOINED: Final = frozenset({"absent"})
_STAGE_FIELDS: Final = "Only cleaned and curated tell it."

Pairs = tuple[tuple[str, str], ...]


class ExploreSchema(PagedSelectionSchema):
    """The contributions to show, of the raw table or of a stage."""

    class Meta(PagedSelectionSchema.Meta):
        """A page has the columns that it shows."""

        exclude = ("columns",)

    stage = fields.String(validate=validate.OneOf(STAGES))
    language = fields.String(validate=validate.Length(min=1, max=16))

    @validates_schema
    def _of_the_stage(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse conditions on what a stage doesn't tell."""
        stage = data.get(STAGE, "raw")
        if stage not in COMPUTED_STAGES:
            if LANGUAGE in data:
                raise ValidationError(_STAGE_FIELDS, LANGUAGE)
            return
        asked = {name: name for name in data if name in LACKING[stage]}
        asked |= {name: "absent" for name in data.get("absent", ()) if name in LACKING[stage]}
        problems = {place: [f"{stage} has no {name}."] for name, place in asked.items()}
        if data.get("versions") == "all":
            problems["versions"] = [f"{stage} has the latest versions only."]
        if problems:
            raise ValidationError(problems)

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        own = {name: data.pop(name, None) for name in (STAGE, LANGUAGE)}
        return {**super()._make(data), **own}


PARAMETERS: Final = frozenset(ExploreSchema().fields)
"""The names of all parameters."""


@dataclass(frozen=True, slots=True)
class ExploreQuery:
    """What a page is asked to show.

    Attributes:
        given: The parameters with a value, in the order of the address.
        stage: The stage; None when none is given.
        reference: The moment.
        filters: The conditions, also those on columns of stages.
        cursor: The place after which the page begins; None for the first page.
        sort: The order; None for that of a list's first page.
        limit: Number of contributions in a page; None for the usual number.
        errors: What is wrong, by parameter; nothing else is set then.
    """

    given: Pairs
    stage: Stage | None = None
    reference: Reference = field(default_factory=Reference)
    filters: StageFilters = field(default_factory=lambda: StageFilters(Filters()))
    cursor: str | None = None
    sort: str | None = None
    limit: int | None = None
    errors: Mapping[str, list[str]] = field(default_factory=dict)

    @classmethod
    def parse(cls, arguments: MultiDict[str, str]) -> "ExploreQuery":
        """Read the parameters of an address, of which forms send many without a value."""
        given = tuple((name, value) for name, value in arguments.items(multi=True) if value)
        if len(given) > MAX_PARAMETERS:
            problem = f"There are {len(given)} parameters; {MAX_PARAMETERS} are taken."
            return cls((), errors={"address": [problem]})
        try:
            loaded: dict[str, Any] = ExploreSchema().load(_values(given))
        except ValidationError as error:
            stage = arguments.get(STAGE)
            return cls(
                given,
                stage=next((known for known in STAGES if known == stage), None),
                errors={name: _messages(found) for name, found in error.messages_dict.items()},
            )
        return cls(
            given,
            stage=loaded[STAGE],
            reference=loaded["reference"],
            filters=StageFilters(loaded["filters"], loaded[LANGUAGE]),
            cursor=loaded.get("cursor"),
            sort=loaded.get("sort"),
            limit=loaded.get("limit"),
        )

    def with_error(self, error: ValidationError) -> "ExploreQuery":
        """Return the query with what was found to be wrong with a parameter later on."""
        name = str(error.field_name)
        return replace(self, errors={name: [str(text) for text in error.messages]})

    def value(self, name: str) -> str:
        """Return the value of a parameter; "" without one."""
        return next((value for each, value in self.given if each == name), "")

    def names(self) -> frozenset[str]:
        """Return the names of the parameters that have a value or are wrong."""
        return frozenset([*self.errors, *(name for name, _ in self.given)])

    def values(self, name: str) -> list[str]:
        """Return all values of a parameter."""
        return [value for each, value in self.given if each == name]

    def problems(self, name: str) -> list[str]:
        """Return what is wrong with a parameter."""
        return list(self.errors.get(name, ()))

    def other_problems(self, shown: Iterable[str]) -> dict[str, list[str]]:
        """Return what is wrong with parameters that a form doesn't show."""
        names = set(shown)
        return {name: found for name, found in self.errors.items() if name not in names}

    def conditions(self) -> Pairs:
        """Return the parameters that choose some of the contributions."""
        return tuple(
            pair for pair in self.given if pair[0] not in NO_FILTER and pair[0] in PARAMETERS
        )

    def as_given(self) -> dict[str, Any]:
        """Return the parameters of this address."""
        return _by_name(self.given)

    def replacing(self, *left_out: str, **other: str | None) -> dict[str, list[str]]:
        """Return the parameters of an address in which some parameters differ.

        Args:
            left_out: Names of parameters to leave out.
            other: Names of parameters with their new values; None leaves the parameter out.
        """
        return self.without(
            tuple(pair for pair in self.given if pair[0] in {*left_out, *other}), **other
        )

    def without(self, pairs: Pairs, **other: str | None) -> dict[str, list[str]]:
        """Return the parameters of an address without some values, and with some others.

        A cursor belongs to one list, so it is left out.

        Args:
            pairs: Names and values to leave out; other values of a name stay.
            other: Names of parameters with their new values; None changes nothing.
        """
        kept = (pair for pair in self.given if pair[0] != "cursor" and pair not in pairs)
        found = _by_name(kept)
        for name, new in other.items():
            if new is not None:
                found[name] = [new]
        return found


def _by_name(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the values of the parameters that there are, by their names.

    A name that isn't ours could mean something to whatever makes the address.
    """
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        if name in PARAMETERS:
            found.setdefault(name, []).append(value)
    return found


def _values(given: Pairs) -> dict[str, Any]:
    """Return the parameters as the schema takes them: lists, and else the last value."""
    values: dict[str, Any] = {}
    for name, value in given:
        if name in _LISTS:
            values.setdefault(name, []).append(value)
        elif name in _JOINED and name in values:
            values[name] += f",{value}"
        else:
            values[name] = value
    return values


def _messages(found: Any) -> list[str]:
    """Return the messages of a parameter; those of a list's entries are by place."""
    if isinstance(found, dict):
        return [text for texts in found.values() for text in texts]
    return [str(text) for text in found]
