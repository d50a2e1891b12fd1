"""The terms under which a lake takes conversations, where its operator requires consent to them."""

from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from app.ingest.errors import InvalidSubmission

COLUMN: Final = "terms_version"
"""The field, and the column, with the version of the terms that a submission states."""
PAGE: Final = "/terms"
"""The path of the page that shows the terms."""


@dataclass(frozen=True, slots=True)
class RequiredTerms:
    """The terms that every submission has to state.

    Attributes:
        version: Their version, as the operator names it.
    """

    version: str

    def check(self, stated: str | None) -> None:
        """Check the version that a submission states; None if it states none.

        Raises:
            InvalidSubmission: It is another one, or none.
        """
        if stated != self.version:
            problem = (
                f"This lake takes conversations under the terms at {PAGE}. State their version, "
                f"{self.version!r}, if you agree to them."
            )
            raise InvalidSubmission({COLUMN: [problem]})

    def are_stated(self, submissions: pa.Table) -> bool:
        """Tell whether all of some submissions, as columns, state the version."""
        if COLUMN not in submissions.column_names:
            return False
        agrees = pc.equal(submissions[COLUMN], self.version)
        return bool(pc.all(pc.fill_null(agrees, fill_value=False)).as_py())
