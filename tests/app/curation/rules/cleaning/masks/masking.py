"""Masks a single text."""

from app.curation.rules.cleaning.masks.order import apply_masks
from tests.app.curation.rules.cleaning.batches import texts


def masked(text: str) -> str:
    """Return a text with its personal data and secrets masked."""
    result: str = apply_masks(texts(text))[0][0].as_py()
    return result
