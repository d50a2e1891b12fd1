"""Versions that uploads prepare: the committer moves them, and comes to the same as by reading."""

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from threading import Event

import pytest
from sqlalchemy import func, select

from app.ingest.commits import committer as committer_module
from app.ingest.journal.expiry import Expiry
from app.ingest.uploads import store as upload_store
from app.ingest.uploads.options import UploadOptions
from app.services import Services
from app.versions.models import IndexedVersion, PreparedUpload, PreparedVersion
from app.versions.prepared import PreparedVersions
from catalog.errors import CommitConflict
from tests.app.ingest.process import Death, Process, die
from tests.app.versions.oracle import index_of, recorded_as_replaced
from tests.factories import UNGUESSABLE, make_submission

CHATS = [f"chat {number}" for number in range(40)]
ROW = (b"c" * 16, b"h" * 16, bytes(16))


@pytest.fixture(autouse=True)
def _small_uploads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have uploads of any size prepare their versions, a few in each transaction."""
    monkeypatch.setattr(upload_store, "_FEWEST_PREPARED", 1)
    monkeypatch.setattr(upload_store, "_VERSIONS_PER_STEP", 7)


@pytest.fixture
def doomed(services: Services) -> Iterator[Process]:
    """A committer of another process, which is to die."""
    made = Process(services.settings)
    yield made
    made.close()


def upload(services: Services, text: str, chats: Sequence[str] = CHATS) -> None:
    submissions = (
        make_submission(text, chat, submitter_id=UNGUESSABLE, ingest_id=chat) for chat in chats
    )
    services.ingest.bulk_intake.submit(
        ["\n".join(map(json.dumps, submissions)).encode()], UploadOptions()
    )


def prepared_in(services: Services) -> tuple[int, int]:
    """Return how many uploads and versions are prepared."""
    with services.versions.index.database.read() as connection:
        uploads, versions = (
            connection.scalar(select(func.count()).select_from(model))
            for model in (PreparedUpload, PreparedVersion)
        )
    return uploads or 0, versions or 0


def assert_as_rebuilt(services: Services) -> None:
    before = index_of(services), recorded_as_replaced(services)
    services.versions.filling().fill(is_replaced_anew=True)
    assert (index_of(services), recorded_as_replaced(services)) == before


def forbid_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make reading the versions in an upload's files fail."""

    def read_none(_table: object, files: Sequence[object], *_: object) -> Iterator[object]:
        assert not files
        return iter(())

    monkeypatch.setattr(committer_module, "read_staged", read_none)


@pytest.mark.both
def test_prepared_versions_are_recorded_without_reading_files(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(services, "first", CHATS[:30])
    services.jobs.committer().drain()
    upload(services, "second", CHATS[20:])
    upload(services, "third", CHATS[25:])
    forbid_reading(monkeypatch)
    services.jobs.committer().drain()
    assert len(index_of(services)) == 30 + 20 + 15
    assert len(recorded_as_replaced(services)) == 10 + 15
    monkeypatch.undo()
    assert_as_rebuilt(services)


def test_files_of_an_upload_without_versions_are_not_read(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "\n".join(json.dumps(make_submission(str(number))) for number in range(3))
    services.ingest.bulk_intake.submit([lines.encode()], UploadOptions())
    assert prepared_in(services) == (1, 0)
    forbid_reading(monkeypatch)
    services.jobs.committer().drain()
    assert index_of(services) == []


def test_few_rows_are_left_to_the_committer(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_store, "_FEWEST_PREPARED", len(CHATS) + 1)
    upload(services, "first")
    assert prepared_in(services) == (0, 0)
    services.jobs.committer().drain()
    assert len(index_of(services)) == len(CHATS)


@pytest.mark.both
def test_versions_of_a_conversation_in_several_entries_of_one_batch_replace_each_other(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(services, "first", CHATS[:1])
    services.jobs.committer().drain()
    upload(services, "second", CHATS[:4])
    with monkeypatch.context() as patched:
        patched.setattr(upload_store, "_FEWEST_PREPARED", len(CHATS))
        upload(services, "third", CHATS[:2])
        # The last one has a version in the second upload alone, which prepares its versions.
        upload(services, "fourth", [*CHATS[:2], CHATS[3]])
    upload(services, "fifth", CHATS[1:3])
    services.jobs.committer().drain()
    # Of the first two conversations three versions each are replaced, of the others one.
    assert len(recorded_as_replaced(services)) == 3 + 3 + 1 + 1
    assert_as_rebuilt(services)


@pytest.mark.both
@pytest.mark.parametrize("seam", ["before", "moved in part", "moved", "replaced"])
def test_a_committer_that_dies_with_prepared_versions_leaves_what_the_next_one_completes(
    services: Services, doomed: Process, seam: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(services, "first")
    services.jobs.committer().drain()
    upload(services, "second")
    if seam == "before":
        monkeypatch.setattr(PreparedVersions, "move", lambda *_: die())
    elif seam == "moved in part":
        move = PreparedVersions.move
        monkeypatch.setattr("app.versions.prepared._BOUNDS", ((b"\x00", b"\x80"),))

        def move_and_die(prepared: PreparedVersions, entry_id: int, number: int) -> None:
            move(prepared, entry_id, number)
            die()

        monkeypatch.setattr(PreparedVersions, "move", move_and_die)
    elif seam == "moved":
        monkeypatch.setattr(PreparedVersions, "shared", lambda *_: die())
    else:
        monkeypatch.setattr(doomed.index, "advance", lambda *_: die())
    with pytest.raises(Death):
        doomed.committer.drain()
    monkeypatch.undo()
    committer = services.jobs.committer()
    committer.reconcile()
    committer.drain()
    assert len(recorded_as_replaced(services)) == len(CHATS)
    assert_as_rebuilt(services)
    assert services.ingest.claims.open_claim() is None


def test_an_index_that_is_filled_anew_forgets_what_is_prepared(services: Services) -> None:
    upload(services, "first")
    assert prepared_in(services) == (1, len(CHATS))
    services.versions.filling().fill()
    assert prepared_in(services) == (0, 0)
    services.jobs.committer().drain()
    assert len(index_of(services)) == len(CHATS)
    assert_as_rebuilt(services)


def test_an_index_that_is_filled_anew_while_versions_are_moved_lacks_none(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(services, "first")
    move = PreparedVersions.move

    def fill_and_move(prepared: PreparedVersions, entry_id: int, number: int) -> None:
        monkeypatch.undo()
        services.versions.filling().fill()
        move(prepared, entry_id, number)

    monkeypatch.setattr(PreparedVersions, "move", fill_and_move)
    with pytest.raises(CommitConflict):
        services.jobs.committer().drain()
    services.jobs.committer().drain()
    assert len(index_of(services)) == len(CHATS)
    assert_as_rebuilt(services)


def test_versions_of_an_index_that_is_filled_anew_meanwhile_are_not_prepared(
    services: Services,
) -> None:
    prepared = services.versions.prepared

    def pieces() -> Iterator[list[tuple[bytes, bytes, bytes]]]:
        yield [ROW]
        services.versions.filling().fill()
        yield [ROW]

    assert not prepared.prepare(1, pieces())
    assert prepared_in(services) == (0, 0)
    assert prepared.complete([1]) == set()


def test_an_upload_that_lost_rows_to_a_takedown_is_read(services: Services) -> None:
    upload(services, "first", CHATS[:1])
    services.jobs.committer().drain()
    upload(services, "second")
    with services.versions.index.database.read() as connection:
        conversation = connection.scalar(select(IndexedVersion.conversation_id))
    assert conversation is not None
    gone = conversation.hex()
    services.takedown.service.request("conversation", [gone], reason=None, requested_by="test")
    services.jobs.committer().drain()
    assert len(index_of(services)) == len(CHATS)
    services.takedown.service.run()
    assert_as_rebuilt(services)


@pytest.mark.both
def test_versions_of_an_upload_that_is_given_up_meanwhile_are_all_removed(
    services: Services,
) -> None:
    prepared = services.versions.prepared

    def pieces() -> Iterator[list[tuple[bytes, bytes, bytes]]]:
        yield [ROW]
        prepared.remove_unneeded(lambda _: ())
        yield [ROW]

    assert not prepared.prepare(1, pieces())
    assert prepared_in(services) == (0, 0)


@pytest.mark.both
def test_what_is_prepared_stays_until_its_upload_is_committed_or_given_up(
    services: Services,
) -> None:
    expiry = Expiry(services.database, timedelta(days=1), services.versions.prepared)
    upload(services, "first")
    services.versions.prepared.prepare(999, [[ROW]])
    expiry.remove(Event())
    assert prepared_in(services) == (1, len(CHATS))
    services.jobs.committer().drain()
    expiry.remove(Event())
    assert prepared_in(services) == (0, 0)
