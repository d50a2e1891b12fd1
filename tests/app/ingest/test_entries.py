from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.ingest.entries import decode_contributions, encode_contribution, encode_contributions
from catalog.records import Turn
from tests.factories import make_contribution
from tests.strategies import conversations

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
_TURNS = conversations(_TEXT, min_turns=1)


@given(
    conversation=_TURNS,
    received_at=st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001  # the bounds have no zone in hypothesis
    optional=st.fixed_dictionaries(
        {
            name: st.none() | _TEXT
            for name in (
                "source",
                "submitter_id",
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
