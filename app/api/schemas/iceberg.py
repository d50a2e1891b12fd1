"""Parameters of the Iceberg REST catalog."""

from marshmallow import Schema, fields
from marshmallow.validate import Equal, OneOf, Range

from app.iceberg.catalog import SNAPSHOT_MODES


class ConfigQuerySchema(Schema):
    """Which warehouse a client wants."""

    warehouse = fields.String(load_default=None)


class ListQuerySchema(Schema):
    """A page of a list. Every list fits one, so no page has ever named a next one."""

    page_size = fields.Integer(data_key="pageSize", validate=Range(min=1))
    page_token = fields.String(data_key="pageToken", validate=Equal(""))


class NamespacesQuerySchema(ListQuerySchema):
    """Namespaces at the top, or in a parent."""

    parent = fields.String(load_default=None)


class TableQuerySchema(Schema):
    """How much of a table to load."""

    snapshots = fields.String(load_default=SNAPSHOT_MODES[0], validate=OneOf(SNAPSHOT_MODES))
