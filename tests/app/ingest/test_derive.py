import pytest
from marshmallow import Schema, fields, validate

from app.ingest.contract import Text
from app.ingest.derive import derive


def test_a_field_without_a_counterpart_is_noticed_when_the_type_is_made() -> None:
    with pytest.raises(TypeError, match="Decimal"):
        derive(Schema.from_dict({"price": fields.Decimal()})())


def test_a_validator_without_a_counterpart_is_noticed_when_the_type_is_made() -> None:
    schema = Schema.from_dict({"name": Text(validate=validate.ContainsOnly("abc"))})
    with pytest.raises(TypeError, match="ContainsOnly"):
        derive(schema())


def test_a_new_field_of_the_schema_is_in_the_derived_type() -> None:
    schema = Schema.from_dict({"name": Text(required=True, data_key="full name")})
    derived = derive(schema())
    assert derived.struct.__struct_encode_fields__ == ("full name",)
    assert derived.names == ("name",)
    assert derived.values(derived.struct(name="Ada")) == ["Ada"]
