"""Sends conversations to a chatlake: a class for chat clients, and a command for files."""

from chatlake_client.client import Client
from chatlake_client.errors import ClientClosed, ClientError, QueueError, QueueFull
from chatlake_client.submission import (
    DeliveryReport,
    QueueStatus,
    Receipt,
    RejectedSubmission,
    Submission,
    Turn,
)

__all__ = [
    "Client",
    "ClientClosed",
    "ClientError",
    "DeliveryReport",
    "QueueError",
    "QueueFull",
    "QueueStatus",
    "Receipt",
    "RejectedSubmission",
    "Submission",
    "Turn",
]
