"""Parameters that select contributions."""

from collections.abc import Iterable
from typing import Any, Final

from marshmallow import ValidationError, fields, post_load, validate, validates_schema
from webargs.fields import DelimitedList

from app.api.schemas.paging import cursor_field, limit_field
from app.api.schemas.reference import ReferenceSchema
from app.api.schemas.times import day_field
from app.ingest.contract import MAX_LABELS
from app.query.filters import NULLABLE_COLUMNS, Filters
from catalog.schema import ARROW_SCHEMA

MAX_TEXT_CHARACTERS: Final = 1024
"""Length of the longest text to search for."""
MAX_TURNS: Final = 2**31 - 1
"""More turns than any conversation can have."""
RECEIVED_AT: Final = "received_at"
NEWEST_FIRST: Final = f"-{RECEIVED_AT}"


def _exactly(description: str) -> fields.String:
    return fields.String(metadata={"description": description})


def _names(names: Iterable[str], description: str, **given: Any) -> DelimitedList:
    """Return a parameter that lists some of `names`, with commas between them."""
    name = fields.String(validate=validate.OneOf(list(names)))
    return DelimitedList(
        name, validate=validate.Length(min=1), metadata={"description": description}, **given
    )


def _whether(condition: str) -> fields.Boolean:
    return fields.Boolean(
        truthy={"true"},
        falsy={"false"},
        metadata={"description": f"`true`: {condition}; `false`: the opposite"},
    )


def _turns(description: str) -> fields.Integer:
    return fields.Integer(
        validate=validate.Range(min=0, max=MAX_TURNS), metadata={"description": description}
    )


class SelectionSchema(ReferenceSchema):
    """The contributions to select, and the moment of the lake."""

    day = day_field("Received on this day (UTC)")
    day_from = day_field("Received on this day or later")
    day_to = day_field("Received on this day or earlier")
    conversation_id = _exactly("A version of this conversation")
    source = _exactly("From this source")
    contributor_id = _exactly("By this contributor")
    attribution = _exactly("To be credited to this name")
    agent_id = _exactly("With this agent")
    prompt_template = _exactly("With this prompt template")
    chat_template = _exactly("With this chat template")
    content_hash = _exactly("With exactly this conversation: its SHA-256 in hexadecimal")
    absent = _names(NULLABLE_COLUMNS, "Without a value in these columns, such as `contributor_id`")
    min_turns = _turns("With so many turns or more")
    max_turns = _turns("With so many turns or fewer")
    role = _exactly("With a turn of this role")
    rating = fields.String(
        validate=validate.OneOf(["positive", "negative"]),
        metadata={"description": "With a turn that is rated so"},
    )
    model = _exactly("With a turn of this model")
    has_tools = _whether("tools were offered, or a turn calls one")
    has_alternatives = _whether("a turn has alternatives")
    label = fields.List(
        _exactly("A key, or `key:value`"),
        validate=validate.Length(
            max=MAX_LABELS, error="Longer than {max}, which no conversation has."
        ),
        metadata={"description": "With this label: a key, or `key:value`. Several may be given"},
    )
    q = fields.String(
        validate=validate.Length(min=1, max=MAX_TEXT_CHARACTERS),
        metadata={
            "description": "With a turn that has this text in its content or edited content, in "
            "upper or lower case"
        },
    )
    versions = fields.String(
        load_default="latest",
        validate=validate.OneOf(["latest", "all"]),
        metadata={
            "description": "`latest`: without those that their contributor replaced by the time "
            "of the snapshot; `all`: every one"
        },
    )

    @validates_schema
    def _ranges(self, data: dict[str, Any], **_: Any) -> None:
        if "day" in data and data.keys() & {"day_from", "day_to"}:
            raise ValidationError("Give either day, or day_from and day_to.", "day")
        for least, most in (("day_from", "day_to"), ("min_turns", "max_turns")):
            if least in data and most in data and data[least] > data[most]:
                raise ValidationError(f"Comes before {least}, so nothing can match.", most)

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        reference = self.pop_reference(data)
        if "columns" in data:
            data["columns"] = tuple(dict.fromkeys(data["columns"]))
        form: dict[str, Any] = {
            name: data.pop(name) for name in ("limit", "cursor", "sort", "columns") if name in data
        }
        if day := data.pop("day", None):
            data["day_from"] = data["day_to"] = day
        all_versions = data.pop("versions", "all") == "all"
        absent = frozenset(data.pop("absent", ()))
        labels = tuple(data.pop("label", ()))
        return {
            "reference": reference,
            "filters": Filters(all_versions=all_versions, absent=absent, labels=labels, **data),
            **form,
        }


class PagedSelectionSchema(SelectionSchema):
    """A page of contributions, or all of them."""

    limit = limit_field()
    cursor = cursor_field()
    sort = fields.String(
        validate=validate.OneOf([RECEIVED_AT, NEWEST_FIRST]),
        metadata={"description": f"Pages in the order of receipt; `{NEWEST_FIRST}`: newest first"},
    )
    columns = _names(
        ARROW_SCHEMA.names, "The columns to answer with, in this order", data_key="fields"
    )


class OwnSelectionSchema(PagedSelectionSchema):
    """A page of one contributor's contributions in every version, or all of them."""

    class Meta(PagedSelectionSchema.Meta):
        """Whose they are follows from the key."""

        exclude = ("contributor_id", "versions")


class PagedReferenceSchema(ReferenceSchema):
    """A page of a list as of a moment of the lake."""

    limit = limit_field()
    cursor = cursor_field()

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {"reference": self.pop_reference(data), **data}
