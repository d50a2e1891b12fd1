import pytest

from app.access.contributor_keys import (
    ContributorKeyMalformed,
    ContributorKeyMissing,
    KeyOwnsNothing,
    bearer_token,
    contributor_key,
    new_contributor_key,
    owner_id,
)
from tests.factories import IDS, UNGUESSABLE

KEY = "clc_" + "Abcdefghij" * 4 + "xyz"


def test_new_keys_differ_and_are_recognised() -> None:
    first, second = new_contributor_key(), new_contributor_key()
    assert first != second
    assert contributor_key(f"Bearer {first}") == first


@pytest.mark.parametrize(
    ("authorization", "token"),
    [
        (None, None),
        ("", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("Basic YTpi", None),
        ("bearer x", "x"),
        ("BEARER  x ", "x"),
    ],
)
def test_a_bearer_token_is_what_follows_the_scheme(
    authorization: str | None, token: str | None
) -> None:
    assert bearer_token(authorization) == token


@pytest.mark.parametrize("authorization", [None, "Basic YTpi", "Bearer x", f"Basic {KEY}"])
def test_other_credentials_are_no_contributor_key(authorization: str | None) -> None:
    assert contributor_key(authorization) is None


@pytest.mark.parametrize("token", ["clc_", KEY[:-1], KEY + "x", KEY[:-1] + "!"])
def test_a_key_that_was_cut_or_changed_in_length_is_refused(token: str) -> None:
    with pytest.raises(ContributorKeyMalformed):
        contributor_key(f"Bearer {token}")


def test_an_owner_is_told_by_a_key_or_by_an_id_that_cannot_be_guessed() -> None:
    for token in (KEY, UNGUESSABLE):
        assert owner_id(IDS, f"Bearer {token}") == IDS.contributor_id(token)
    with pytest.raises(ContributorKeyMissing):
        owner_id(IDS, None)
    with pytest.raises(KeyOwnsNothing):
        owner_id(IDS, "Bearer anonymous")
