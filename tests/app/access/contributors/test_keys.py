from datetime import UTC, datetime

import pytest

from app.access.contributors.keys import (
    SUBMITTER_HEADER,
    ContributorKeyMalformed,
    ContributorKeyMissing,
    KeyOwnsNothing,
    SubmitterMisplaced,
    bearer_token,
    contributor_key,
    is_mistyped,
    new_contributor_key,
    owner_id,
)
from app.access.permissions.keys import ApiKey
from tests.factories import IDS, UNGUESSABLE

OLD_KEY = "clc_" + "Abcdefghij" * 4 + "xyz"
"""A key of the time before keys had a checksum."""
KEY = OLD_KEY + "1w6OuQ"
API_KEY = ApiKey(
    key_id="0" * 16,
    name="importer",
    role="ingest",
    digest=b"",
    made_at=datetime(2026, 11, 29, tzinfo=UTC),
    expires_at=None,
    revoked_at=None,
    used_at=None,
)


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


@pytest.mark.parametrize("token", ["clc_", OLD_KEY[:-1], KEY[:-1], KEY + "x", KEY[:-1] + "!"])
def test_a_key_that_was_cut_or_changed_in_length_is_refused(token: str) -> None:
    with pytest.raises(ContributorKeyMalformed):
        contributor_key(f"Bearer {token}")
    with pytest.raises(ContributorKeyMalformed):
        owner_id(IDS, f"Bearer {token}")


def test_every_slip_of_one_character_or_of_two_neighbours_is_found_out() -> None:
    key = new_contributor_key()
    for place in range(len("clc_"), len(key)):
        for other in "aZ7_-":
            slip = key[:place] + other + key[place + 1 :]
            assert is_mistyped(slip) == (slip != key)
        swapped = key[: place - 1] + key[place] + key[place - 1] + key[place + 1 :]
        assert is_mistyped(swapped) == (swapped.startswith("clc_") and swapped != key)


def test_keys_without_a_checksum_go_on_working() -> None:
    assert contributor_key(f"Bearer {OLD_KEY}") == OLD_KEY
    assert not is_mistyped(OLD_KEY)
    # What doesn't begin as a key does is some client's own id.
    assert not is_mistyped(UNGUESSABLE)


def test_an_api_key_owns_in_its_namespace_for_the_submitter_that_it_names() -> None:
    named = [("ada", "ada"), ("Zo%C3%AB%20100%25", "Zoë 100%"), (KEY, KEY)]
    for submitter, submitter_id in named:
        found = owner_id(IDS, "Bearer clk_", API_KEY, submitter)
        assert found == IDS.contributor_id(submitter_id, API_KEY.key_id)


@pytest.mark.parametrize(
    ("api_key", "submitter"),
    [(API_KEY, None), (API_KEY, "%"), (API_KEY, "%ff"), (API_KEY, KEY[:-1]), (None, "ada")],
)
def test_who_is_named_wrongly_owns_nothing(api_key: ApiKey | None, submitter: str | None) -> None:
    with pytest.raises((SubmitterMisplaced, ContributorKeyMalformed)) as raised:
        owner_id(IDS, f"Bearer {KEY}", api_key, submitter)
    assert list(vars(raised.value)["errors"]) == [SUBMITTER_HEADER]


def test_an_owner_is_told_by_a_key_or_by_an_id_that_cannot_be_guessed() -> None:
    for token in (KEY, UNGUESSABLE):
        assert owner_id(IDS, f"Bearer {token}") == IDS.contributor_id(token)
    with pytest.raises(ContributorKeyMissing):
        owner_id(IDS, None)
    with pytest.raises(KeyOwnsNothing):
        owner_id(IDS, "Bearer anonymous")
