"""Uploads that are fed piece by piece, as an event loop does."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import pytest
from sqlalchemy import func, select, update

from app.access.takedowns.records import TakenDown, requester
from app.ingest.decoding.senders import Sender
from app.ingest.errors import (
    LimitExceeded,
    RequestKeyReused,
    TakenDownBefore,
    UploadRejected,
    UploadUnderWay,
)
from app.ingest.uploads import body_decoder, lines
from app.ingest.uploads.line_decoder import DecodedLines, LineDecoder
from app.ingest.uploads.lines import Lines
from app.ingest.uploads.options import UploadOptions, UploadReceipt
from app.services import Services
from app.state.models import JournalEntry, UploadRequest
from catalog.table import load_table
from tests.factories import make_contribution, make_submission, make_turns

BODY = b"".join(
    json.dumps(make_submission(f"text {number}", ingest_id=str(number))).encode() + b"\n"
    for number in range(300)
)
_TIMEOUT_S = 60
PIECES = [BODY[start : start + 1_000] for start in range(0, len(BODY), 1_000)]


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "CHUNK_BYTES", 4_000)


def _fed(services: Services, options: UploadOptions, *pieces: bytes) -> UploadReceipt:
    with services.ingest.bulk_intake.begin(options) as upload:
        for piece in pieces:
            upload.feed(piece)
        return upload.finish()


def _entries(services: Services) -> int:
    with services.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(JournalEntry)) or 0


def _files(services: Services) -> set[Path]:
    warehouse = services.settings.home / "warehouse"
    return {path for path in warehouse.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_pieces_may_come_from_any_thread_and_their_lines_keep_their_order(
    services: Services,
) -> None:
    with services.ingest.bulk_intake.begin(UploadOptions()) as upload:
        for piece in PIECES:
            with ThreadPoolExecutor(1) as thread:
                thread.submit(upload.feed, piece).result()
        receipt = upload.finish()
    assert receipt.report.accepted == 300
    services.jobs.committer().drain()
    rows = load_table(services.catalog).scan().to_arrow().sort_by("contribution_id")
    texts = [turns[0]["content"] for turns in rows["conversation"].to_pylist()]
    assert texts == [f"text {number}" for number in range(300)]


@pytest.mark.slow
@pytest.mark.parametrize("request_key", [None, "k"])
def test_an_upload_that_is_left_unfinished_stores_nothing(
    services: Services, request_key: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog.writing.staging.ROW_GROUP_ROWS", 1)
    options, before = UploadOptions(request_key=request_key), _files(services)
    with services.ingest.bulk_intake.begin(options) as upload:
        for piece in PIECES:
            upload.feed(piece)
        assert _files(services) > before
    assert (_entries(services), _files(services)) == (0, before)
    assert _fed(services, options, *PIECES).report.accepted == 300


@pytest.mark.slow
def test_an_upload_that_fails_while_it_is_fed_stores_nothing(services: Services) -> None:
    before = _files(services)
    too_long = b"x" * (services.settings.max_body_bytes + 1)
    with pytest.raises(LimitExceeded, match="max_body_bytes"):
        _fed(services, UploadOptions(request_key="k"), *PIECES, too_long)
    with pytest.raises(UploadRejected):
        _fed(services, UploadOptions(all_or_nothing=True, request_key="k"), b"{}\n", *PIECES)
    assert (_entries(services), _files(services)) == (0, before)


def test_an_answered_upload_takes_the_same_body_in_other_pieces(services: Services) -> None:
    options = UploadOptions(request_key="k")
    first = _fed(services, options, *PIECES)
    again = _fed(services, options, BODY)
    assert again.report.repeated == first.report.accepted
    assert (again.report.accepted, again.entry_id) == (first.report.accepted, first.entry_id)
    with pytest.raises(RequestKeyReused):
        _fed(services, options, *PIECES[:-1])
    assert _entries(services) == 1


def _take_down(services: Services, *texts: str, requested_by: str) -> None:
    """Record a takedown of texts, which no other process has to learn of."""
    made = [make_contribution(conversation=make_turns(text)) for text in texts]
    rows = [
        TakenDown(each.contribution_id, each.conversation_id, each.content_hash, 1) for each in made
    ]
    services.access.takedowns.record(
        "contributor", "x", rows, reason=None, requested_by=requested_by
    )
    services.ingest.refusals._taken_down.forget()


@pytest.mark.slow
def test_a_repeated_upload_is_told_what_of_it_was_taken_down_since(services: Services) -> None:
    options = UploadOptions(request_key="k", all_or_nothing=True)
    first = _fed(services, options, *PIECES)
    # Somebody else's withdrawal of the same texts leaves it as it is.
    _take_down(services, "text 7", requested_by=requester("another"))
    assert _fed(services, options, *PIECES).report.accepted == first.report.accepted
    _take_down(services, "text 7", "text 200", requested_by="desk")
    again = _fed(services, options, *PIECES)
    assert (again.report.accepted, again.report.rejected) == (298, 2)
    assert [error.line for error in again.report.errors] == [8, 201]
    assert {error.message for error in again.report.errors} == {str(TakenDownBefore())}
    assert again.entry_id == first.entry_id
    with pytest.raises(RequestKeyReused):
        _fed(services, options, *PIECES[:-1])
    _take_down(services, *(f"text {number}" for number in range(300)), requested_by="desk")
    with pytest.raises(UploadRejected, match="300 lines are wrong and 0 right"):
        _fed(services, options, *PIECES)
    # Nothing was stored a second time.
    assert (_entries(services), services.ingest.journal.backlog().contributions) == (1, 300)


@pytest.mark.slow
def test_the_line_numbers_of_a_report_count_across_chunks(services: Services) -> None:
    report = _fed(services, UploadOptions(), *PIECES, b"\n{}\n", *PIECES, b"[]").report
    assert (report.accepted, report.rejected) == (600, 2)
    assert [error.line for error in report.errors] == [302, 603]


@pytest.mark.slow
def test_few_chunks_are_in_memory_at_once(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way: list[Lines] = []
    decode = LineDecoder.decode

    def recorded(decoder: LineDecoder, some: Lines, ids: list[str], sender: Sender) -> DecodedLines:
        under_way.remove(some)
        return decode(decoder, some, ids, sender)

    submit = services.ingest.bulk_intake._submit

    def submitted(sender: Sender, some: Lines) -> object:
        under_way.append(some)
        assert len(under_way) <= body_decoder.MAX_CHUNKS
        return submit(sender, some)

    monkeypatch.setattr(LineDecoder, "decode", recorded)
    monkeypatch.setattr(services.ingest.bulk_intake, "_submit", submitted)
    assert _fed(services, UploadOptions(), *PIECES * 3).report.accepted == 900


def test_an_upload_that_comes_slowly_keeps_its_key(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.ingest.uploads.store._SIGN_OF_LIFE_S", 0)
    options = UploadOptions(request_key="k")
    with services.ingest.bulk_intake.begin(options) as upload:
        with services.database.write() as connection:
            connection.execute(
                update(UploadRequest).values(seen_at=datetime(2026, 3, 1, tzinfo=UTC))
            )
        upload.feed(b"\n")
        with pytest.raises(UploadUnderWay):
            services.ingest.bulk_intake.begin(options)


def test_what_is_decoded_is_stored_before_the_next_chunk_is_whole(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog.writing.staging.ROW_GROUP_ROWS", 1)
    before = _files(services)
    with services.ingest.bulk_intake.begin(UploadOptions()) as upload:
        for piece in PIECES[:6]:
            upload.feed(piece)
        eventually = monotonic() + _TIMEOUT_S
        while _files(services) == before and monotonic() < eventually:
            upload.feed(b"\n")
        assert _files(services) > before
