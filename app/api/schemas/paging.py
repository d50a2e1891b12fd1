"""Parameters that all lists with pages have."""

from marshmallow import RAISE, Schema, fields, validate


def limit_field() -> fields.Integer:
    """Return the parameter `limit`, the number of entries in a page."""
    return fields.Integer(
        strict=False,
        validate=validate.Range(min=1),
        metadata={"description": "Entries in a page, up to the service's max_page_rows"},
    )


def cursor_field() -> fields.String:
    """Return the parameter `cursor`, at which a page begins."""
    return fields.String(
        validate=validate.Length(min=1),
        metadata={"description": "`next_cursor` of the page before, with the same parameters"},
    )


class PagingSchema(Schema):
    """A page of a list."""

    class Meta:
        """A misspelt parameter would silently select something else."""

        unknown = RAISE

    limit = limit_field()
    cursor = cursor_field()
