"""The contract with clients: which submissions are valid, declared once with Marshmallow.

It follows the GPT4All datalake, and takes what the clients of that send beyond its own contract:
the desktop client sends `stopped` as a string, `chat_template` and `network/attribution`; the bulk
script sends empty strings for what it doesn't know. Spellings of OpenAI's API are taken
beside those of the contract. Unknown keys are ignored and named, since clients grow fields first.
"""

from app.ingest.contract.fields import (
    MAX_LABELS,
    MAX_NAME_CHARACTERS,
    ContractSchema,
    Items,
    Labels,
    Text,
    Time,
    is_label,
    time_from,
)
from app.ingest.contract.ignored import IgnoredKeys, ignored_keys
from app.ingest.contract.submission import SubmissionSchema

__all__ = [
    "MAX_LABELS",
    "MAX_NAME_CHARACTERS",
    "ContractSchema",
    "IgnoredKeys",
    "Items",
    "Labels",
    "SubmissionSchema",
    "Text",
    "Time",
    "ignored_keys",
    "is_label",
    "time_from",
]
