"""What a check has found."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]
"""How bad a finding is: an error loses or hides data or will; a warning costs space or time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that isn't as it has to be.

    Attributes:
        check: Name of the check.
        severity: How bad it is.
        what: What is wrong, in one sentence that names files, ids and numbers.
        mend: A command or a step that mends it.
    """

    check: str
    severity: Severity
    what: str
    mend: str
