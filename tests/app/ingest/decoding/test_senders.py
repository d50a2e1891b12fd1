import pyarrow as pa
import pytest

from app.access.contributors.keys import new_contributor_key
from app.ingest.decoding.senders import Identity, Sender
from app.ingest.errors import InvalidSubmission
from tests.factories import IDS, SENDER, UNGUESSABLE

ID = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
OWNER = "0b7e1a9e-1111-4e4c-8888-123456789abc"
ADA = IDS.contributor_id("ada")
KNOWN = IDS.contributor_id(OWNER)


@pytest.mark.parametrize(
    ("submitter_id", "ingest_id", "identity"),
    [
        (None, None, Identity(None, ID, is_owned=False)),
        (
            None,
            UNGUESSABLE,
            Identity(None, IDS.conversation_id(None, UNGUESSABLE), is_owned=False),
        ),
        (None, "chat-1", Identity(None, ID, IDS.conversation_id(None, "chat-1"), is_owned=False)),
        (OWNER, None, Identity(KNOWN, ID)),
        (OWNER, "chat-1", Identity(KNOWN, IDS.conversation_id(OWNER, "chat-1"))),
        ("ada", None, Identity(ADA, ID, None, is_owned=False)),
        (
            "ada",
            UNGUESSABLE,
            Identity(ADA, ID, IDS.conversation_id("ada", UNGUESSABLE), is_owned=False),
        ),
    ],
)
def test_only_ids_that_cannot_be_guessed_own_a_conversation(
    submitter_id: str | None, ingest_id: str | None, identity: Identity
) -> None:
    assert SENDER.identify(submitter_id, ingest_id, ID) == identity


def test_a_key_of_the_request_is_the_same_contributor_as_a_submitter_id() -> None:
    sender = Sender(IDS, OWNER)
    expected = SENDER.identify(OWNER, "chat-1", ID)
    assert sender.identify(None, "chat-1", ID) == expected
    assert sender.identify(OWNER, "chat-1", ID) == expected
    with pytest.raises(InvalidSubmission) as caught:
        sender.identify(UNGUESSABLE, "chat-1", ID)
    assert list(caught.value.errors) == ["submitter_id"]


def test_a_mistyped_contributor_key_is_nobodys_in_any_namespace() -> None:
    mistyped = new_contributor_key()[:-1]
    for sender in (SENDER, Sender(IDS, namespace="a key")):
        with pytest.raises(InvalidSubmission) as caught:
            sender.identify(mistyped, "chat-1", ID)
        assert list(caught.value.errors) == ["submitter_id"]
        assert not sender.takes(pa.array([None, OWNER, mistyped], pa.large_string()))
        assert sender.takes(pa.array([None, OWNER, new_contributor_key()], pa.large_string()))


def test_what_is_sent_in_a_namespace_has_other_ids() -> None:
    own = Sender(IDS, namespace="a key").identify(OWNER, "chat-1", ID)
    other = SENDER.identify(OWNER, "chat-1", ID)
    assert own.contributor_id != other.contributor_id
    assert own.conversation_id != other.conversation_id


@pytest.mark.parametrize("sender", [SENDER, Sender(IDS, OWNER), Sender(IDS, namespace="a key")])
def test_columns_of_submissions_have_the_identities_of_each(sender: Sender) -> None:
    submitters = (None,) if sender.key else (None, OWNER, "ada")
    sent = [(each, chat) for each in submitters for chat in (None, "chat-1", UNGUESSABLE)]
    for chosen in (sent, sent[:1], [pair for pair in sent if pair[1] is None]):
        own, chats = (pa.array(values, pa.large_string()) for values in zip(*chosen, strict=True))
        ids = [f"{ID[:-2]}{number:02}" for number in range(len(chosen))]
        found = sender.identify_all(own, chats, pa.array(ids, pa.large_string()))
        expected = [sender.identify(*pair, each) for pair, each in zip(chosen, ids, strict=True)]
        assert found.contributor_ids.to_pylist() == [each.contributor_id for each in expected]
        assert found.conversation_ids.to_pylist() == [each.conversation_id for each in expected]
        assert found.guessed_ids.to_pylist() == [each.guessed_id for each in expected]
        assert found.are_unowned.true_count == sum(not each.is_owned for each in expected)
