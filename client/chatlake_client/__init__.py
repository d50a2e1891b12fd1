"""Sends conversations to a chatlake: a class for chat clients, and a command for files."""

from chatlake_client.client import Client
from chatlake_client.conversation import Application
from chatlake_client.errors import (
    ClientClosed,
    ClientError,
    QueueError,
    QueueFull,
    RequestRefused,
)
from chatlake_client.own_contributions import OwnContributions, Takedown
from chatlake_client.submission import (
    Attachment,
    DeliveryReport,
    QueueStatus,
    Receipt,
    RejectedSubmission,
    Submission,
    ToolCall,
    Turn,
)

__all__ = [
    "Application",
    "Attachment",
    "Client",
    "ClientClosed",
    "ClientError",
    "DeliveryReport",
    "OwnContributions",
    "QueueError",
    "QueueFull",
    "QueueStatus",
    "Receipt",
    "RejectedSubmission",
    "RequestRefused",
    "Submission",
    "Takedown",
    "ToolCall",
    "Turn",
]
