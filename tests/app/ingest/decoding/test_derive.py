from typing import Any

import pytest
from marshmallow import fields, validate

from app.ingest.contract import ContractSchema, Text
from app.ingest.decoding.derive import derive


def _schema(**members: fields.Field[Any]) -> type[ContractSchema]:
    return type("Example", (ContractSchema,), members)


def test_a_field_without_a_counterpart_is_noticed_when_the_type_is_made() -> None:
    with pytest.raises(TypeError, match="Decimal"):
        derive(_schema(price=fields.Decimal()))


def test_a_validator_without_a_counterpart_is_noticed_when_the_type_is_made() -> None:
    with pytest.raises(TypeError, match="ContainsOnly"):
        derive(_schema(name=Text(validate=validate.ContainsOnly("abc"))))


def test_a_new_field_of_the_schema_is_in_the_derived_type() -> None:
    derived = derive(_schema(name=Text(required=True, data_key="full name")))
    assert derived.struct.__struct_encode_fields__ == ("full name",)
    assert derived.names == ("name",)
    assert derived.load(derived.struct(name="Ada")) == {"name": "Ada"}
