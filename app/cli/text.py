"""Texts of strangers on a terminal."""


def printable(text: str) -> str:
    """Return a text in which everything that a terminal may obey is written out, except newlines.

    That includes marks of the direction of writing, which make a text look like another one.
    """
    return "".join(
        each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in text
    )


def in_one_line(text: str) -> str:
    """Return a text as `printable` does, with newlines written out, too.

    So a text can't look like further lines of a list.
    """
    return printable(text).replace("\n", "\\n")
