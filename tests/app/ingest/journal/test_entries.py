from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ingest.journal.entries import (
    decode_contributions,
    encode_contribution,
    encode_contributions,
)
from catalog.records import Contribution, Turn
from tests.factories import make_contribution
from tests.strategies import conversations, rich_conversations

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
_TURNS = conversations(_TEXT, min_turns=1)


@pytest.mark.slow
@given(
    conversation=_TURNS | rich_conversations(_TEXT.filter(bool)),
    received_at=st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001  # the bounds have no zone in hypothesis
    optional=st.fixed_dictionaries(
        {
            name: st.none() | _TEXT
            for name in (
                "source",
                "contributor_id",
                "attribution",
                "prompt_template",
                "chat_template",
            )
        }
    ),
)
def test_a_payload_holds_every_value_of_a_contribution(
    conversation: tuple[Turn, ...], received_at: datetime, optional: dict[str, Any]
) -> None:
    contribution = make_contribution(conversation=conversation, received_at=received_at, **optional)
    payload = encode_contributions([encode_contribution(contribution)])
    assert decode_contributions(payload) == [contribution]


def test_a_payload_of_before_there_were_other_fields_is_decoded() -> None:
    turns = (Turn("Hi", "user"), Turn("Hello", "assistant", "positive", True, "Hi!"))
    payload = (
        b"\x91\x8b\xafcontribution_id\xd9$017f22e2-79b0-7cc3-98c4-dc0c0c07398f\xafconversation_id\xa1i"
        b"\xabreceived_at\xd6\xffb\x157\xee\xa8agent_id\xa1a\xacconversation\x92"
        b"\x85\xa7content\xa2Hi\xa4role\xa4user\xa6rating\xc0\xa7stopped\xc2\xaeedited_content\xc0"
        b"\x85\xa7content\xa5Hello\xa4role\xa9assistant\xa6rating\xa8positive\xa7stopped\xc3"
        b"\xaeedited_content\xa3Hi!\xaccontent_hash\xa20f\xa6source\xa1s\xaecontributor_id\xc0"
        b"\xabattribution\xa3Ada\xafprompt_template\xc0\xadchat_template\xc0"
    )
    assert decode_contributions(payload) == [
        Contribution(
            contribution_id="017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
            conversation_id="i",
            received_at=datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC),
            agent_id="a",
            conversation=turns,
            content_hash="0f",
            source="s",
            attribution="Ada",
        )
    ]
