"""Which contributions a request selects."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from app.api.schemas.paging import cursor_field, limit_field
from app.api.schemas.reference import ReferenceSchema
from app.query.filters import Filters


class SelectionSchema(ReferenceSchema):
    """Which contributions, at which moment."""

    day = fields.Date(metadata={"description": "Received on this day (UTC)"})
    day_from = fields.Date(metadata={"description": "Received on this day or later"})
    day_to = fields.Date(metadata={"description": "Received on this day or earlier"})
    source = fields.String(metadata={"description": "From this source"})
    submitter_id = fields.String(metadata={"description": "By this contributor"})
    agent_id = fields.String(metadata={"description": "With this agent"})
    rating = fields.String(
        validate=validate.OneOf(["positive", "negative"]),
        metadata={"description": "With a turn that is rated so"},
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
    def _one_range(self, data: dict[str, Any], **_: Any) -> None:
        if "day" in data and data.keys() & {"day_from", "day_to"}:
            raise ValidationError("Give either day, or day_from and day_to.", "day")

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        reference = self.pop_reference(data)
        paging: dict[str, Any] = {
            name: data.pop(name) for name in ("limit", "cursor") if name in data
        }
        if day := data.pop("day", None):
            data["day_from"] = data["day_to"] = day
        all_versions = data.pop("versions") == "all"
        return {
            "reference": reference,
            "filters": Filters(all_versions=all_versions, **data),
            **paging,
        }


class PagedSelectionSchema(SelectionSchema):
    """A page of contributions, or all of them."""

    limit = limit_field()
    cursor = cursor_field()
