"""``python -m chatlake_client``: what ``scripts/ingest`` runs."""

from chatlake_client.command import ingest

if __name__ == "__main__":
    ingest(prog_name="ingest")
