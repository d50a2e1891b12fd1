"""How messages, commands and pages put numbers into words."""


def counted(count: int, one: str, several: str | None = None) -> str:
    """Return a number, with separators between thousands, and what it counts.

    Args:
        count: The number.
        one: The words for one, such as `row` or `row is`.
        several: The words for none and for several, such as `rows are`; None for those of one with
            an s at their end.
    """
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"
