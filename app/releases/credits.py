"""`CREDITS.txt`: who asked to be credited, and for how much.

A name is whatever its contributor wrote. The page is plain text, so each name stands in it as it
was written, but for characters that show nothing or turn the text around them.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from icu import SpoofChecker, UnicodeSet

CREDITS_FILE: Final = "CREDITS.txt"

_MAX_NAME: Final = 200
"""Characters of a name that are kept."""
_UNSEEN: Final = UnicodeSet(
    # Controls, formats, what is unassigned or private, and line and paragraph separators; fillers,
    # and Braille without a dot. Joiners and the selector of a picture make letters and emoji.
    r"[[[:C:][:Zl:][:Zp:][:Default_Ignorable_Code_Point:]\u2800]-[\u200c\u200d\ufe0f]]"
)
_SPOOFS: Final = SpoofChecker()
_NO_TYPE: Final = 0
"""ICU takes a kind of likeness, which it has long ignored."""


def encode_credits(name: str, credited: Mapping[str, int], anonymous: int) -> bytes:
    """Return the page: a line for each name, with the number of its contributions and a tab first.

    Args:
        name: The release's name.
        credited: How many contributions there are by each name, as `join_look_alikes` returns them.
        anonymous: How many came without a name.
    """
    lines = [
        f"Credits of {name}",
        "",
        "Conversations in this release by those who asked to be credited. Thank you.",
        "",
        *(
            f"{rows}\t{each}"
            for each, rows in sorted(credited.items(), key=lambda pair: (-pair[1], pair[0]))
        ),
        *([""] if credited else []),
        f"Contributed without a name to credit: {anonymous}",
    ]
    return ("\n".join(lines) + "\n").encode()


def readable(text: str) -> str:
    """Return what can be read of a text, in one line; nothing if it shows nothing."""
    kept = "".join(each for each in text if each.isspace() or not _UNSEEN.contains(each))
    words = " ".join(kept.split())[:_MAX_NAME]
    return words if _skeleton(words).strip() else ""


def join_look_alikes(names: Mapping[str, int]) -> dict[str, int]:
    """Return names and their contributions, with those names as one that look alike.

    Names look alike when they have the same skeleton by Unicode Technical Standard 39, section 4:
    https://www.unicode.org/reports/tr39/#Confusable_Detection. The spelling with the most
    contributions stands for all; of several, the first by code points.

    Args:
        names: How many contributions there are by each name.
    """
    spellings: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for name, rows in names.items():
        spellings[_skeleton(name)][name] = rows
    return {
        min(alike, key=lambda each: (-alike[each], each)): sum(alike.values())
        for alike in spellings.values()
    }


def _skeleton(text: str) -> str:
    skeleton: str = _SPOOFS.getSkeleton(_NO_TYPE, text)
    return skeleton
