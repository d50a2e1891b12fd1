"""Rows of WildChat and of LMSYS-Chat-1M: `conversation` with the model that answered.

Sources: the cards of allenai/WildChat and allenai/WildChat-1M; lm-sys/FastChat,
fastchat/serve/monitor/clean_chat_data.py and dataset_release_scripts/lmsys_chat_1m.
"""

from chatlake_client.conversation import Conversation
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.messages import turns_of
from chatlake_client.shapes.rows import conversation_of


def is_wildchat(row: Json) -> bool:
    """Tell whether a row is of one of these data sets."""
    return (
        "conversation" in row
        and "model" in row
        and bool({"conversation_hash", "conversation_id"} & row.keys())
    )


def read_wildchat(row: Fields) -> Conversation:
    """Return the conversation; its id is that of the data set."""
    conversation = conversation_of(row, turns_of(row, "conversation"))
    conversation.ingest_id = row.label("conversation_hash", "conversation_id")
    return conversation
