"""The first line of Goose's sessions. The other lines are messages, which `messages.py` reads.

Source: block/goose, crates/goose/src/session/storage.rs.
"""

from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields


def is_goose_header(row: Json) -> bool:
    """Tell whether a row is the header of a session."""
    return "working_dir" in row and "message_count" in row


def read_goose_header(_row: Fields) -> None:
    """Return nothing: a header holds no conversation."""
