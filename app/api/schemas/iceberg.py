"""Parameters of the Iceberg REST catalog."""

from marshmallow import Schema, fields
from marshmallow.validate import Equal, OneOf, Range

from app.iceberg.catalog import SNAPSHOT_MODES


class ConfigQuerySchema(Schema):
    """The warehouse that a client asks for."""

    warehouse = fields.String(load_default=None)


class ListQuerySchema(Schema):
    """A page of a list. Every list fits on one page, so the only page token is an empty one."""

    page_size = fields.Integer(data_key="pageSize", validate=Range(min=1))
    page_token = fields.String(data_key="pageToken", validate=Equal(""))


class NamespacesQuerySchema(ListQuerySchema):
    """The parent of the namespaces to list; None means those at the top."""

    parent = fields.String(load_default=None)


class TableQuerySchema(Schema):
    """The snapshots with which to load a table."""

    snapshots = fields.String(load_default=SNAPSHOT_MODES[0], validate=OneOf(SNAPSHOT_MODES))
