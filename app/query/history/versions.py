"""The versions of a conversation as of a snapshot, from the index that the committer keeps.

A contribution that was erased from the table still counts as a version, so that what it superseded
doesn't come back.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from app.query.snapshots import SnapshotView
from app.versions.index import VersionIndex
from app.versions.keys import conversation_key
from app.versions.recording import ErasedVersions


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a conversation.

    Attributes:
        contribution_id: The contribution's id.
        sequence_number: The sequence number of the commit that added it.
        is_erased: Whether it was taken down, and the table hasn't got it any more.
    """

    contribution_id: str
    sequence_number: int
    is_erased: bool = False


class Versions:
    """Tells the versions of conversations that several contributions may share."""

    def __init__(self, index: VersionIndex, erased: ErasedVersions) -> None:
        """Tell versions.

        Args:
            index: The index of versions.
            erased: Knows what was taken down.
        """
        self._index = index
        self._erased = erased

    def of(self, view: SnapshotView, conversation_id: str) -> list[Version]:
        """Return every version of a conversation as of a snapshot, oldest first, erased ones too.

        Args:
            view: The table as of a snapshot.
            conversation_id: A conversation_id that isn't the contribution_id of its only version.
        """
        if view.snapshot is None:
            return []
        stored = self._index.of(conversation_id, view.snapshot.sequence_number)
        erased = self._erased.among([version.contribution_id for version in stored])
        return [
            Version(each.contribution_id, each.sequence_number, each.contribution_id in erased)
            for each in stored
        ]

    def latest(self, conversation_ids: Iterable[str], after: int, until: int) -> dict[str, str]:
        """Return the latest of the versions of conversations that some commits added.

        Args:
            conversation_ids: The conversations.
            after: The sequence number before the first of the commits.
            until: The sequence number of the last of the commits.

        Returns:
            The contribution_ids by conversation. Erased versions don't count, and conversations
            of which these commits added no other version are left out.
        """
        keys = {conversation_key(each): each for each in conversation_ids}
        added = {
            key: [each for each in versions if after < each.sequence_number <= until]
            for key, versions in self._index.shared(sorted(keys)).items()
        }
        erased = self._erased.among(
            [each.contribution_id for versions in added.values() for each in versions]
        )
        return {
            keys[key]: left[-1].contribution_id
            for key, versions in added.items()
            if (left := [each for each in versions if each.contribution_id not in erased])
        }
