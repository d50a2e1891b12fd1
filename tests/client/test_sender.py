import itertools
import socket
from collections.abc import Iterable, Iterator
from email.utils import formatdate

import pytest

from chatlake_client.errors import ServiceUnavailableError
from chatlake_client.records import Accepted, Json, Outcome, PreparedRow, Rejected, Unsent
from chatlake_client.retry import BACKOFF_MAX_S, RETRY_AFTER_MAX_S
from chatlake_client.sender import BulkSender
from chatlake_client.upload import SERVER_ERRORS_IN_A_ROW
from tests.client.service import CUT, Answer, Service, unprocessable


class Waits(list[float]):
    """Takes the place of waiting: writes down how long it would have been."""

    def __call__(self, seconds: float) -> bool:
        """Wait no time, and don't stop."""
        self.append(seconds)
        return False


def sender_to(
    url: str, waits: Waits | None = None, token: str | None = None, **options: int
) -> BulkSender:
    given = {"concurrency": 4, "retries": 3, "timeout_s": 10, "max_upload_rows": 1, **options}
    return BulkSender(
        url,
        concurrency=given["concurrency"],
        retries=given["retries"],
        token=token,
        timeout_s=given["timeout_s"],
        pause=waits,
        max_upload_rows=given["max_upload_rows"],
    )


def prepared_rows(count: int) -> list[PreparedRow]:
    return [prepared_row(number) for number in range(1, count + 1)]


def prepared_row(line: int, content: str = "Hi") -> PreparedRow:
    body: dict[str, object] = {
        "agent_id": "a",
        "ingest_id": f"row-{line}",
        "conversation": [{"content": content}],
    }
    return PreparedRow(line, body, {"number": line})


def closed_port_url() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"http://127.0.0.1:{port}"


def outcomes_until_unavailable(
    sender: BulkSender, rows: Iterable[PreparedRow]
) -> tuple[list[Outcome], str]:
    outcomes: list[Outcome] = []
    with pytest.raises(ServiceUnavailableError) as caught:
        # Unlike list(), this keeps what came before the error.
        outcomes.extend(sender.send(rows))
    return outcomes, caught.value.reason


def test_submissions_are_posted_together_to_the_route_of_uploads(service: Service) -> None:
    sender = sender_to(service.url + "/", max_upload_rows=3)
    assert list(sender.send(prepared_rows(7))) == [Accepted(line) for line in range(1, 8)]
    assert service.requests == [("POST /v1/ingest/chats HTTP/1.1", "application/x-ndjson")] * 3
    sent = [str(row["ingest_id"]) for row in service.received]
    assert sorted(sent) == [f"row-{line}" for line in range(1, 8)]


def test_equal_uploads_have_one_key_and_others_have_another(service: Service) -> None:
    for rows in (prepared_rows(3), prepared_rows(3), prepared_rows(2)):
        list(sender_to(service.url, max_upload_rows=9).send(rows))
    assert service.keys[0] == service.keys[1] != service.keys[2]


def test_the_same_upload_with_another_token_has_another_key(service: Service) -> None:
    for token in (None, "clc_a", "clc_b", "clc_a"):
        list(sender_to(service.url, token=token).send(prepared_rows(1)))
    assert service.keys[1] == service.keys[3]
    assert len(set(service.keys)) == 3


def test_the_wrong_lines_of_an_upload_are_its_wrong_rows(service: Service) -> None:
    service.refusals |= {"row-2": unprocessable(a=["x"]), "row-5": unprocessable()}
    outcomes = list(sender_to(service.url, max_upload_rows=3).send(prepared_rows(6)))
    assert [outcome.line for outcome in outcomes] == [1, 2, 3, 4, 5, 6]
    rejected = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
    assert [(row.line, row.errors) for row in rejected] == [(2, {"a": ["x"]}), (5, {})]


@pytest.mark.parametrize("wrong", ["row-", "row-1"])
def test_lines_that_an_answer_does_not_list_are_asked_for_again(
    wrong: str, service: Service
) -> None:
    service.refusals[wrong] = unprocessable()
    service.max_listed = 2
    outcomes = list(sender_to(service.url, max_upload_rows=19).send(prepared_rows(19)))
    expected = {line for line in range(1, 20) if f"row-{line}".startswith(wrong)}
    assert {outcome.line for outcome in outcomes if isinstance(outcome, Rejected)} == expected
    assert len(outcomes) == 19


@pytest.mark.parametrize(
    "text", ["👩‍👩‍👧‍👦", "\u202e\u05e9\u05dc\u05d5\u05dd", "Z̴̡̢͎͕̰̈́̎ͅa̸͚͊", "a\r\nb\rc\x00", "\ud800"]
)
def test_a_text_arrives_as_it_is(text: str, service: Service) -> None:
    assert list(sender_to(service.url).send([prepared_row(1, text)])) == [Accepted(1)]
    assert service.received[0]["conversation"] == [{"content": text}]


def test_202_is_accepted_too(service: Service) -> None:
    service.answers.append(Answer(202, {"accepted": 1, "rejected": 0, "errors": []}))
    assert list(sender_to(service.url).send([prepared_row(1)])) == [Accepted(1)]


@pytest.mark.slow
def test_outcomes_come_in_order_and_once_each(service: Service) -> None:
    outcomes = list(sender_to(service.url).send(prepared_rows(100)))
    assert outcomes == [Accepted(line) for line in range(1, 101)]
    assert len(service.received) == len(service.stored) == 100


@pytest.mark.slow
def test_no_more_requests_than_allowed_are_under_way(service: Service) -> None:
    list(sender_to(service.url, concurrency=3).send(prepared_rows(60)))
    assert service.most_under_way <= 3


@pytest.mark.slow
def test_uploads_are_taken_only_a_few_ahead(service: Service) -> None:
    taken: list[int] = []

    def rows() -> Iterator[PreparedRow]:
        for row in prepared_rows(1000):
            taken.append(row.line)
            yield row

    outcomes = sender_to(service.url, concurrency=2).send(rows())
    for done, _ in enumerate(outcomes):
        assert len(taken) - done <= 4
    assert len(taken) == 1000


def test_a_rejection_keeps_the_services_message(service: Service) -> None:
    errors: Json = {"conversation": {"0": {"content": ["Missing data for required field."]}}}
    service.refusals["row-1"] = unprocessable(**errors)
    rejected, accepted = sender_to(service.url).send(prepared_rows(2))
    assert rejected == Rejected(
        1, "The submission is not valid.", {"number": 1}, status=422, errors=errors
    )
    assert accepted == Accepted(2)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_rejected_submission_is_not_sent_again(status: int, service: Service) -> None:
    service.answers.append(Answer(status, {"message": "No."}))
    (outcome,) = sender_to(service.url).send([prepared_row(1)])
    assert isinstance(outcome, Rejected)
    assert (outcome.status, outcome.message, outcome.errors) == (status, "No.", {})
    assert len(service.received) == 1


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"", b"\xff"])
def test_a_rejection_without_an_envelope_has_the_reason_of_its_status(
    body: bytes, service: Service
) -> None:
    service.answers.append(Answer(400, body))
    (outcome,) = sender_to(service.url).send([prepared_row(1)])
    assert outcome == Rejected(1, "Bad Request", {"number": 1}, status=400)


@pytest.mark.parametrize("status", [408, 409, 425, 429, 502, 503, 504])
def test_a_passing_failure_is_tried_again(status: int, service: Service) -> None:
    waits = Waits()
    service.answers.extend([Answer(status), Answer(status)])
    assert list(sender_to(service.url, waits).send([prepared_row(1)])) == [Accepted(1)]
    assert len(service.received) == 3
    assert len(waits) == 2


def test_a_cut_connection_is_tried_again(service: Service) -> None:
    service.answers.extend([CUT, CUT])
    assert list(sender_to(service.url, Waits()).send([prepared_row(1)])) == [Accepted(1)]
    assert len(service.received) == 3


def test_an_answer_that_does_not_come_in_time_is_tried_again(service: Service) -> None:
    service.gate.clear()

    def pause(_seconds: float) -> bool:
        service.gate.set()
        return False

    # Many retries: on a busy machine even a ready answer may take longer than the timeout.
    sender = BulkSender(service.url, concurrency=1, retries=100, timeout_s=0.05, pause=pause)
    assert list(sender.send([prepared_row(1)])) == [Accepted(1)]
    assert list(service.stored) == ["row-1"]


def test_an_answer_that_is_cut_off_ends_the_sending(service: Service) -> None:
    service.answers.append(Answer(200, {"accepted": 1}, sent_bytes=5))
    outcomes, _ = outcomes_until_unavailable(sender_to(service.url), [prepared_row(1)])
    assert outcomes == [Unsent(1)]


@pytest.mark.parametrize("status", [429, 503])
def test_the_wait_is_as_long_as_the_service_asks(status: int, service: Service) -> None:
    waits = Waits()
    service.answers.append(Answer(status, headers={"Retry-After": "7"}))
    assert list(sender_to(service.url, waits).send([prepared_row(1)])) == [Accepted(1)]
    assert waits == [7]


@pytest.mark.parametrize("header", ["1000000", formatdate(4e9, usegmt=True)])
def test_the_wait_that_a_service_can_ask_for_is_limited(header: str, service: Service) -> None:
    waits = Waits()
    service.answers.append(Answer(503, headers={"Retry-After": header}))
    assert list(sender_to(service.url, waits).send([prepared_row(1)])) == [Accepted(1)]
    assert waits == [RETRY_AFTER_MAX_S]


def test_a_retry_after_without_sense_is_passed_over(service: Service) -> None:
    waits = Waits()
    service.answers.append(Answer(503, headers={"Retry-After": "soon"}))
    assert list(sender_to(service.url, waits).send([prepared_row(1)])) == [Accepted(1)]
    assert len(waits) == 1


def test_waits_grow_up_to_a_limit(service: Service) -> None:
    waits = Waits()
    service.answers.extend([Answer(503)] * 12)
    assert list(sender_to(service.url, waits, retries=12).send([prepared_row(1)])) == [Accepted(1)]
    assert all(one < other for one, other in itertools.pairwise(waits[:8]))
    assert max(waits) == waits[-1] == BACKOFF_MAX_S


@pytest.mark.parametrize("retries", [0, 3])
@pytest.mark.parametrize("answer", [Answer(503, {"message": "Full."}), Answer(429), CUT])
def test_a_service_that_stays_away_ends_the_sending(
    retries: int, answer: Answer, service: Service
) -> None:
    service.refusals["row-1"] = answer
    sender = sender_to(service.url, Waits(), retries=retries, concurrency=1)
    outcomes, reason = outcomes_until_unavailable(sender, [prepared_row(1)])
    assert outcomes == [Unsent(1)]
    assert len(service.received) == retries + 1
    assert "503 Full." in reason or "429" in reason or "closed" in reason


def test_rows_accepted_before_the_end_are_reported(service: Service) -> None:
    service.refusals["row-31"] = CUT
    sender = sender_to(service.url, Waits(), concurrency=1)
    outcomes, _ = outcomes_until_unavailable(sender, prepared_rows(1000))
    assert outcomes[:30] == [Accepted(line) for line in range(1, 31)]
    assert all(isinstance(outcome, Unsent) for outcome in outcomes[30:])
    assert len(outcomes) < 40
    assert len(service.stored) == 30


def test_a_refused_connection_is_described_in_plain_words() -> None:
    sender = sender_to(closed_port_url(), Waits())
    outcomes, reason = outcomes_until_unavailable(sender, [prepared_row(1)])
    assert outcomes == [Unsent(1)]
    assert "Connection refused" in reason
    assert "Max retries" not in reason


@pytest.mark.parametrize(
    "answer",
    [
        Answer(401, {"message": "A key is needed."}),
        Answer(403),
        Answer(422, {"message": "No such key.", "errors": {"Authorization": ["Mistyped."]}}),
        Answer(404, {"message": "Not here."}),
        Answer(405),
        Answer(308, headers={"Location": "https://127.0.0.1/"}),
        Answer(200, b"<html>Welcome"),
        Answer(200, {"status": "ok"}),
    ],
)
def test_a_server_that_would_take_no_row_ends_the_sending(answer: Answer, service: Service) -> None:
    service.answers.extend([answer] * 100)
    outcomes, reason = outcomes_until_unavailable(sender_to(service.url), prepared_rows(100))
    assert f"answered {answer.status}" in reason
    assert not any(isinstance(outcome, Accepted) for outcome in outcomes)
    assert len(service.received) <= 5


def test_a_row_that_the_service_fails_at_is_rejected_and_the_rest_goes_on(
    service: Service,
) -> None:
    service.refusals["poison"] = Answer(500, {"message": "Oops."})
    rows = [prepared_row(1), prepared_row(2, "poison"), prepared_row(3)]
    outcomes = list(sender_to(service.url, Waits(), max_upload_rows=3).send(rows))
    assert outcomes == [
        Accepted(1),
        Rejected(2, "Oops.", {"number": 2}, status=500),
        Accepted(3),
    ]


def test_a_service_that_fails_at_every_row_ends_the_sending(service: Service) -> None:
    service.refusals["row"] = Answer(500)
    sender = sender_to(service.url, retries=0, concurrency=1)
    outcomes, reason = outcomes_until_unavailable(sender, prepared_rows(1000))
    assert "500" in reason
    assert SERVER_ERRORS_IN_A_ROW <= len(service.received) < SERVER_ERRORS_IN_A_ROW + 8
    assert len(outcomes) < 50


@pytest.mark.slow
def test_server_errors_between_accepted_rows_do_not_end_it(service: Service) -> None:
    service.refusals["poison"] = Answer(500)
    rows = [prepared_row(line, "poison" if line % 5 else "Hi") for line in range(1, 101)]
    outcomes = list(sender_to(service.url, retries=0).send(rows))
    assert sum(isinstance(outcome, Accepted) for outcome in outcomes) == 20
    assert sum(isinstance(outcome, Rejected) for outcome in outcomes) == 80


def test_stopping_ends_a_wait_and_leaves_the_row_unsent(service: Service) -> None:
    service.answers.append(Answer(503, headers={"Retry-After": "100"}))
    sender = sender_to(service.url, concurrency=1)

    def rows() -> Iterator[PreparedRow]:
        yield prepared_row(1)
        service.arrived.wait()
        sender.stop()
        yield prepared_row(2)

    assert list(sender.send(rows())) == [Unsent(1), Unsent(2)]
    assert len(service.received) == 1


def test_requests_under_way_are_finished_and_counted_when_it_stops(service: Service) -> None:
    service.gate.clear()
    sender = sender_to(service.url, concurrency=1)

    def rows() -> Iterator[PreparedRow]:
        yield prepared_row(1)
        service.arrived.wait()
        sender.stop()
        service.gate.set()
        yield prepared_row(2)
        pytest.fail("took a third submission")

    assert list(sender.send(rows())) == [Accepted(1), Unsent(2)]


def test_a_connection_is_kept_open_per_thread(service: Service) -> None:
    list(sender_to(service.url, concurrency=2).send(prepared_rows(50)))
    assert service.connections <= 2
