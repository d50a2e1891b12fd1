"""What makes two submissions the same."""

import hashlib

import msgspec

from catalog.records import Contribution

_encode = msgspec.msgpack.Encoder().encode


def idempotency_key(contribution: Contribution) -> bytes | None:
    """Return what makes two submissions the same: who sent it, under which id, with which content.

    The parts are encoded so that no two triples have the same bytes, and an anonymous contributor
    differs from every named one. None: without an id of the client's, it can't be repeated.
    """
    if contribution.ingest_id == contribution.contribution_id:
        return None
    identity = (contribution.submitter_id, contribution.ingest_id, contribution.content_hash)
    return hashlib.sha256(_encode(identity)).digest()
