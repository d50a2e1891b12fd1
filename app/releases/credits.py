"""`CREDITS.txt`: the names of those who asked to be credited, with their contributions.

A name is whatever its contributor wrote. The file is plain text, so it shows each name as it was
written, without the characters that are invisible or change the direction of the text.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Final, NamedTuple

from icu import SpoofChecker, UnicodeSet

CREDITS_FILE: Final = "CREDITS.txt"

SHORT_ID_DIGITS: Final = 8
"""Digits of a contributor_id by which contributors of one name are told apart."""
MAX_NAME_CHARS: Final = 200
"""Length at which a text is cut off that is shown in one line."""
_INVISIBLE: Final = UnicodeSet(
    # Controls, formats, unassigned and private characters, separators of lines and paragraphs,
    # fillers, and the Braille pattern without dots. The joiners and the emoji selector are kept,
    # since they change the letters or emoji beside them.
    r"[[[:C:][:Zl:][:Zp:][:Default_Ignorable_Code_Point:]\u2800]-[\u200c\u200d\ufe0f]]"
)
_SPOOFS: Final = SpoofChecker()
_LABEL: Final = re.compile(r"[(\[]\w{6,}[)\]]\W*$")
"""Brackets of any kind are round ones in a skeleton."""
_IGNORED_TYPE: Final = 0
"""ICU's argument for the type of confusables, which it has ignored for long."""


class Credited(NamedTuple):
    """Somebody to credit.

    Attributes:
        name: The readable form of the name.
        contributor_id: The contributor who wrote it; None for all who are anonymous together.
    """

    name: str
    contributor_id: str | None


def encode_credits(name: str, credited: Mapping[str, int], anonymous: int) -> bytes:
    """Return the file: for each name a line with the number of its contributions, a tab, the name.

    Args:
        name: Name of the release.
        credited: Number of contributions by name, as `names_to_credit` returns them.
        anonymous: Number of contributions without a name to credit.
    """
    lines = [
        f"Credits of {name}",
        "",
        "Conversations in this release by those who asked to be credited. Thank you.",
        "",
        *(
            f"{rows}\t{contributor}"
            for contributor, rows in sorted(credited.items(), key=lambda pair: (-pair[1], pair[0]))
        ),
        *([""] if credited else []),
        f"Contributed without a name to credit: {anonymous}",
    ]
    return ("\n".join(lines) + "\n").encode()


def decode_credits(content: str) -> Iterator[tuple[str, int]]:
    """Yield the names in `CREDITS.txt` with their contributions, in its order.

    There may be a million names, of which a page shows some.
    """
    for line in StringIO(content, newline="\n"):
        rows, tab, name = line.rstrip("\n").partition("\t")
        if tab:
            yield name, int(rows)


def readable(text: str) -> str:
    """Return the visible characters of a text in one line; empty when it has none."""
    kept = "".join(char for char in text if char.isspace() or not _INVISIBLE.contains(char))
    words = " ".join(kept.split())[:MAX_NAME_CHARS]
    return words if _skeleton(words).strip() else ""


def names_to_credit(credited: Mapping[Credited, int]) -> dict[str, int]:
    """Return the number of contributions by name, as `CREDITS.txt` lists them.

    Of one contributor, names that look alike are joined. Names of several contributors that look
    alike are told apart by the first digits of the contributor_id: anybody can write any name.

    Args:
        credited: Number of contributions by who is to be credited.
    """
    of_contributors: defaultdict[str | None, dict[str, int]] = defaultdict(dict)
    for (name, contributor_id), rows in credited.items():
        of_contributors[contributor_id][name] = rows
    joined = {
        Credited(name, contributor_id): rows
        for contributor_id, names in of_contributors.items()
        for name, rows in join_look_alikes(names).items()
    }
    sharing = Counter(_skeleton(name) for name, _ in joined)
    # Two contributors in four billion have the same first digits, and then share a line.
    shown: Counter[str] = Counter()
    for who, rows in joined.items():
        is_told_apart = sharing[_skeleton(who.name)] > 1 or _has_label(who.name)
        shown[_told_apart(*who) if is_told_apart else who.name] += rows
    return shown


def _told_apart(name: str, contributor_id: str | None) -> str:
    label = contributor_id[:SHORT_ID_DIGITS] if contributor_id else "anonymous"
    return f"{name} [{label}]"


def _has_label(name: str) -> bool:
    """Tell whether a name ends like one that is told apart, so that it could pass for it."""
    return _LABEL.search(_skeleton(name)) is not None


def join_look_alikes(names: Mapping[str, int]) -> dict[str, int]:
    """Join names that look alike, and add up their contributions.

    Names look alike when they have the same skeleton by Unicode Technical Standard 39, section 4:
    https://www.unicode.org/reports/tr39/#Confusable_Detection. The spelling with the most
    contributions is kept; among equals, the first by code points.

    Args:
        names: Number of contributions by name.
    """
    spellings: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for name, rows in names.items():
        spellings[_skeleton(name)][name] = rows
    return {
        min(alike, key=lambda name: (-alike[name], name)): sum(alike.values())
        for alike in spellings.values()
    }


def _skeleton(text: str) -> str:
    skeleton: str = _SPOOFS.getSkeleton(_IGNORED_TYPE, text)
    return skeleton
