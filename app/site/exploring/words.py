"""The words of the pages that explore the lake."""

from collections.abc import Mapping
from typing import Final

from catalog.stages.tables import Stage

LABELS: Final[Mapping[str, str]] = {
    "q": "Text",
    "day": "Received on",
    "day_from": "Received from",
    "day_to": "Received until",
    "source": "Source",
    "model": "Model",
    "agent_id": "Agent",
    "contributor_id": "Contributor",
    "attribution": "Credited to",
    "rating": "Rating",
    "language": "Language",
    "min_turns": "Turns from",
    "max_turns": "Turns to",
    "role": "Role of a turn",
    "has_tools": "Tools",
    "has_alternatives": "Alternatives",
    "label": "Label",
    "conversation_id": "Conversation",
    "content_hash": "Content hash",
    "prompt_template": "Prompt template",
    "chat_template": "Chat template",
    "absent": "Without",
    "versions": "Versions",
}
"""What the parameters are called that choose some of the contributions."""
SHOWN_PARAMETERS: Final = frozenset(LABELS) | {"as_of", "snapshot_id", "tag"}
"""The parameters beside whose fields the form tells what is wrong."""
STAGE_SAYS: Final[Mapping[Stage, str]] = {
    "raw": "As it was sent.",
    "cleaned": "Without personal data and secrets, which are masked; with the language.",
    "curated": "Of cleaned, what rules of quality keep, without near duplicates.",
}
"""What the stages are, in a sentence each."""
