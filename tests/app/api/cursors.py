"""Makes cursors, valid or not."""

import base64


def cursor_of(text: str) -> str:
    """Return a cursor that holds a text."""
    return base64.urlsafe_b64encode(text.encode()).decode()
