"""What a client chooses for an upload, and what it gets for it."""

import hashlib
from dataclasses import dataclass

from app.access.credentials import NO_CREDENTIALS, Credentials
from app.ingest.uploads.report import Report


@dataclass(frozen=True, slots=True)
class UploadReceipt:
    """The proof that an upload is durable.

    Attributes:
        report: What became of the upload's lines.
        entry_id: The journal's entry with its rows, or the latest one that they repeat; 0 when no
            entry has what they repeat.
        sequence_number: The newest commit of what they repeat, when no entry has it; else None.
    """

    report: Report
    entry_id: int
    sequence_number: int | None = None


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """The options of an upload.

    Attributes:
        all_or_nothing: Whether nothing is to be stored if a line is wrong.
        request_key: The Idempotency-Key, or None without one.
        credentials: Who sends the request.
        network: The network that it comes from; None if that doesn't count.
    """

    all_or_nothing: bool = False
    request_key: str | None = None
    credentials: Credentials = NO_CREDENTIALS
    network: str | None = None


def digest_of_mode(options: UploadOptions) -> "hashlib._Hash":
    """Return the SHA-256 of an upload's mode and sender, to which the body is added."""
    digest = hashlib.sha256(bytes([options.all_or_nothing]))
    for kind, value in options.credentials._asdict().items():
        if value is not None:
            # No body begins with this byte, which UTF-8 doesn't have.
            digest.update(b"\xff" + f"{kind}:{value}".encode() + b"\xff")
    return digest
