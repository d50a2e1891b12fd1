import socket

import pytest

from app.services import Services
from sandbox.protocol import Ending, decode_message, encode_message, receive_task, send_task
from tests.factories import commit_batch, make_received
from tests.sandbox.tasks import make_task


def test_a_task_arrives_as_it_was_sent(services: Services) -> None:
    commit_batch(services, make_received(0))
    task = make_task(services, "SELECT 'é'", last_sequence_number=3)
    service_end, process_end = socket.socketpair()
    with service_end, process_end:
        send_task(service_end, task)
        received = receive_task(process_end)
    assert received.query == task.query
    assert received.limits == task.limits
    assert received.last_sequence_number == 3
    assert received.dataset.to_table() == task.dataset.to_table()


def test_a_task_that_was_sent_in_part_is_an_error() -> None:
    service_end, process_end = socket.socketpair()
    with process_end:
        with service_end:
            service_end.sendall(b"\x10\x00\x00\x00half")
        with pytest.raises(EOFError):
            receive_task(process_end)


def test_an_ending_is_read_as_it_was_written() -> None:
    ending = Ending(exit_code=0, peak_memory_kib=80_000)
    assert decode_message(encode_message(ending), Ending) == ending
