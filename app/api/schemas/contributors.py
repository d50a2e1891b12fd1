"""Contributor keys, as answers have them."""

from typing import Final

from marshmallow import Schema, fields

from app.api.schemas.contributions import ContributionListSchema, ContributionSchema


class ContributorSchema(Schema):
    """A new contributor."""

    contributor_key = fields.String(
        metadata={"description": "The secret to send; it is not stored, and shown only here"}
    )
    contributor_id = fields.String(
        metadata={"description": "What everybody sees with the contributor's contributions"}
    )


class OwnContributionSchema(ContributionSchema):  # type: ignore[misc, valid-type]  # made of columns
    """One of the contributor's own contributions."""

    hidden = fields.Boolean(
        metadata={"description": "`true` if the public doesn't see it; left out otherwise"}
    )


class OwnListSchema(ContributionListSchema):
    """A page of the contributor's own contributions, in the order of receipt."""

    contributions = fields.List(fields.Nested(OwnContributionSchema))


CONTRIBUTOR_EXAMPLE: Final = {
    "contributor_key": "clc_R0xnYKHtcBiPYvdxAZXAg7hVxKnDbSd2ujT3bVQmTQkk4HSFQ",
    "contributor_id": "5f0a3b6c9d2e48718c1d7e6f90ab34cd",
}
