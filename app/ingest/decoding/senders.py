"""Who sends a submission: from the ids that a client sends to those that the lake stores."""

from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from app.access.contributors.ids import Ids, is_guessable
from app.access.contributors.keys import MALFORMED, is_mistyped
from app.ingest.errors import InvalidSubmission

SUBMITTER_ID: Final = "submitter_id"
INGEST_ID: Final = "ingest_id"
"""What clients call their ids."""


class Identity(msgspec.Struct, frozen=True, gc=False):
    """The ids of a contribution that the lake stores, and what they own.

    Attributes:
        contributor_id: The contributor; None when anonymous.
        conversation_id: What the versions of the conversation share; the contribution_id when the
            client sent no id that owns it.
        guessed_id: What repetitions share whose ids own nothing; None for all others.
        is_owned: Whether its contributor can list and withdraw it; False when anonymous, or when
            the contributor's id could be guessed.
    """

    contributor_id: str | None
    conversation_id: str
    guessed_id: str | None = None
    is_owned: bool = True


class Identities(NamedTuple):
    """The identities of the rows of a table, as columns of texts.

    Attributes:
        contributor_ids: The `contributor_id` of each row.
        conversation_ids: The `conversation_id` of each row.
        guessed_ids: The `guessed_id` of each row.
        are_unowned: For each row whether no contributor can list and withdraw it.
    """

    contributor_ids: pa.Array
    conversation_ids: pa.Array
    guessed_ids: pa.Array
    are_unowned: pa.BooleanArray


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends a request, and whose the submissions in it are.

    Attributes:
        ids: Makes the ids of the lake.
        key: The contributor key of the request, which stands for the `submitter_id` of each
            submission in it; None without one.
        namespace: The namespace of the request's API key, in which ids own things even if they can
            be guessed; None without one.
    """

    ids: Ids
    key: str | None = None
    namespace: str | None = None

    def identify(
        self, submitter_id: str | None, ingest_id: str | None, contribution_id: str
    ) -> Identity:
        """Return the ids that the lake stores for a submission.

        Args:
            submitter_id: The contributor's id, as the client sent it; None without one.
            ingest_id: The conversation's id, as the client sent it; None without one.
            contribution_id: The id of the contribution.

        Raises:
            InvalidSubmission: The request has a contributor key, and the submission another id; or
                the contributor's id is a mistyped contributor key.
        """
        if self.key is not None:
            if submitter_id not in {None, self.key}:
                raise InvalidSubmission({SUBMITTER_ID: ["Differs from the key in Authorization."]})
            submitter_id = self.key
        if submitter_id is None:
            if ingest_id is None:
                return Identity(None, contribution_id, is_owned=False)
            contributor_id, has_versions = None, self._owns(ingest_id)
        else:
            if is_mistyped(submitter_id):
                raise InvalidSubmission({SUBMITTER_ID: [MALFORMED]})
            contributor_id = self.ids.contributor_id(submitter_id, self.namespace)
            has_versions = self._owns(submitter_id)
            if ingest_id is None:
                return Identity(contributor_id, contribution_id, None, has_versions)
        shared = self.ids.conversation_id(submitter_id, ingest_id, self.namespace)
        if has_versions:
            return Identity(contributor_id, shared, is_owned=contributor_id is not None)
        return Identity(contributor_id, contribution_id, shared, is_owned=False)

    def _owns(self, client_id: str) -> bool:
        """Tell whether an id owns what is sent under it: nobody else has an API key's namespace."""
        return self.namespace is not None or not is_guessable(client_id)

    def takes(self, submitter_ids: pa.Array) -> bool:
        """Tell whether `identify` takes all of these, as a contributor key has to be sent alone."""
        if self.key is not None:
            return set(submitter_ids.unique().to_pylist()) <= {None, self.key}
        return not any(is_mistyped(each) for each in submitter_ids.unique().to_pylist() if each)

    def identify_all(
        self, submitter_ids: pa.Array, ingest_ids: pa.Array, contribution_ids: pa.Array
    ) -> Identities:
        """Return what `identify` does, for submissions that `takes` has taken."""
        if self.key is not None:
            submitter_ids = pa.repeat(pa.scalar(self.key, _TEXT), len(submitter_ids))
        submitters = submitter_ids.dictionary_encode()
        known = [self.identify(each, None, "") for each in submitters.dictionary.to_pylist()]
        contributor_ids = pa.array([each.contributor_id for each in known], _TEXT)
        # Null where there is no submitter.
        are_owned = pa.array([each.is_owned for each in known], pa.bool_()).take(submitters.indices)
        if ingest_ids.null_count == len(ingest_ids):
            shared, have_versions = ingest_ids, are_owned
        else:
            shared, have_versions = self._shared_ids(submitter_ids, ingest_ids, are_owned)
        have_none = pc.invert(have_versions.fill_null(True))
        return Identities(
            contributor_ids.take(submitters.indices),
            pc.coalesce(pc.if_else(have_none, None, shared), contribution_ids),
            pc.if_else(have_none, shared, None),
            pc.invert(are_owned.fill_null(False)),
        )

    def _shared_ids(
        self, submitter_ids: pa.Array, ingest_ids: pa.Array, are_owned: pa.Array
    ) -> tuple[pa.Array, pa.Array]:
        """Return what versions or repetitions share, and whether versions can share it.

        Args:
            submitter_ids: Of each submission, as the client sent it.
            ingest_ids: Of each submission, as the client sent it.
            are_owned: Whether the `submitter_id` owns what is sent under it; null without one.
        """
        conversation_id, namespace = self.ids.conversation_id, self.namespace
        sent = list(zip(submitter_ids.to_pylist(), ingest_ids.to_pylist(), strict=True))
        shared = [each and conversation_id(submitter, each, namespace) for submitter, each in sent]
        have_versions = are_owned
        if are_owned.null_count:
            own = [each and submitter is None and self._owns(each) for submitter, each in sent]
            have_versions = pc.coalesce(are_owned, pa.array(own, pa.bool_()))
        return pa.array(shared, _TEXT), have_versions


_TEXT: Final = pa.large_string()
