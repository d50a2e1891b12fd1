"""``python -m app.client``: what ``scripts/ingest`` runs."""

from app.client.command import ingest

if __name__ == "__main__":
    ingest(prog_name="ingest")
