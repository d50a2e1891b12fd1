"""Runs the command as ``python -m chatlake_client``, as ``scripts/ingest`` does."""

from chatlake_client.command import ingest

if __name__ == "__main__":
    ingest(prog_name="ingest")
