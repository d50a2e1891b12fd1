"""Bad requests to the server: each is refused with its reason, and has no other effect."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Final

import pyarrow as pa
import pytest

from tests.factories import make_submission
from tests.functional.processes import Processes, peak_memory_bytes
from tests.functional.raw_http import Answer, post
from tests.functional.server import Server

MIB: Final = 1024 * 1024
LONGEST_BODY_BYTES: Final = 16 * MIB

CHUNKED: Final = "Transfer-Encoding: chunked"
GOOD: Final = json.dumps(make_submission("A good one")).encode()


def _submission(**fields: Any) -> bytes:
    return json.dumps(make_submission(**fields)).encode()


def _with(field: str) -> bytes:
    """Return a good submission with one more member, spelled as it is."""
    return GOOD[:-1] + b", " + field.encode() + b"}"


def _turn(member: str) -> bytes:
    return f'{{"agent_id": "a", "conversation": [{{{member}}}]}}'.encode()


@pytest.fixture(scope="module")
def processes(shared_server: Server) -> Processes:
    """The server's processes before any of the inputs."""
    return shared_server.complete()


@pytest.fixture
def server(shared_server: Server, processes: Processes) -> Iterator[Server]:
    """The shared server, of which a test may not store, break, log an error or lose a worker."""
    journalled, logged = shared_server.journalled(), len(shared_server.log)

    yield shared_server

    assert shared_server.journalled() == journalled, "something of it was stored"
    assert shared_server.processes() == processes, "a process was lost"
    added = shared_server.log[logged:]
    assert "Traceback" not in added, added
    good = shared_server.submit(make_submission("The next good one"))
    assert good.status_code == 200, good.text
    assert shared_server.journalled() == journalled + 1


def _refused(answer: Answer, status: int, *, says: str, field: str | None = None) -> None:
    """Check that an envelope names what was wrong, in the field's errors when there is one."""
    assert answer.status == status, answer
    envelope = answer.envelope
    assert envelope.keys() == {"code", "status", "message", "errors"}
    assert envelope["code"] == status
    told: Any = envelope["errors"]
    if field is None:
        assert says in envelope["message"], envelope
        return
    for part in field.split("."):
        assert part in told, envelope
        told = told[part]
    assert any(says in text for text in told), envelope


@dataclass(frozen=True)
class Bad:
    """A body, and how it is refused."""

    body: bytes
    status: int
    says: str
    field: str | None = None


NOT_JSON = {
    "empty": Bad(b"", 400, "the body is empty"),
    "white space": Bad(b" \r\n", 400, "the body is empty"),
    "cut off": Bad(GOOD[:-1], 400, "not JSON"),
    "with more after it": Bad(GOOD + GOOD, 400, "Extra data"),
    "single quotes": Bad(b"{'agent_id': 'a'}", 400, "not JSON"),
    "a raw NUL": Bad(_turn('"content": "a\0b"'), 400, "Invalid control character"),
    "a raw line feed in a text": Bad(_turn('"content": "a\nb"'), 400, "Invalid control character"),
    "a byte order mark": Bad(b"\xef\xbb\xbf" + GOOD, 400, "byte order mark"),
    "UTF-16": Bad(GOOD.decode().encode("utf-16"), 400, "not UTF-8"),
    "UTF-16 without a mark": Bad(GOOD.decode().encode("utf-16-le"), 400, "not JSON"),
    "UTF-32": Bad(GOOD.decode().encode("utf-32"), 400, "not UTF-8"),
    "a byte that UTF-8 lacks": Bad(b'{"agent_id": "\xff"}', 400, "not UTF-8: invalid start byte"),
    "an overlong form": Bad(b'{"agent_id": "\xc0\xaf"}', 400, "not UTF-8"),
    "a surrogate as bytes": Bad(b'{"agent_id": "\xed\xa0\x80"}', 400, "not UTF-8"),
    "a text cut within a letter": Bad(b'{"agent_id": "\xf0\x9f\x98"}', 400, "not UTF-8"),
    "NaN": Bad(_with('"x": NaN'), 400, "NaN is not a JSON value"),
    "Infinity": Bad(_with('"x": [Infinity]'), 400, "Infinity is not a JSON value"),
    "-Infinity": Bad(_with('"x": -Infinity'), 400, "-Infinity is not a JSON value"),
    "an integer past 64 bits": Bad(_with(f'"x": {2**63}'), 400, "doesn't fit in 64 bits"),
    "a negative one": Bad(_with(f'"x": {-(2**63) - 1}'), 400, "doesn't fit in 64 bits"),
    "one of a million digits": Bad(_with('"x": ' + "9" * MIB), 400, "doesn't fit in 64 bits"),
    "a float past 64 bits": Bad(_with('"x": 1e999'), 400, "1e999 doesn't fit in 64 bits"),
    "a key twice": Bad(_with('"agent_id": "b"'), 400, "'agent_id' appears twice"),
    "a key twice in a turn": Bad(
        _turn('"content": "a", "content": "b"'), 400, "'content' appears twice"
    ),
    "a key twice where it is ignored": Bad(_with('"x": {"y": 1, "y": 2}'), 400, "'y' appears"),
}

NOT_A_SUBMISSION = {
    "null": Bad(b"null", 422, "Must be an object.", "_schema"),
    "a list": Bad(b"[" + GOOD + b"]", 422, "Must be an object.", "_schema"),
    "a text": Bad(b'"hello"', 422, "Must be an object.", "_schema"),
    "no agent": Bad(b'{"conversation": [{"content": "a"}]}', 422, "Missing data", "agent_id"),
    "a number as agent": Bad(_submission(agent_id=7), 422, "Not a valid string", "agent_id"),
    "an agent of 513 letters": Bad(
        _submission(agent_id="a" * 513), 422, "Longer than maximum length 512", "agent_id"
    ),
    "no conversation": Bad(b'{"agent_id": "a"}', 422, "Missing data", "conversation"),
    "no turns": Bad(_submission(conversation=[]), 422, "Has no turns.", "conversation"),
    "an object as conversation": Bad(
        _submission(conversation={"content": "a"}), 422, "Not a valid list.", "conversation"
    ),
    "a text as turn": Bad(
        _submission(conversation=["a"]), 422, "Must be an object.", "conversation.0._schema"
    ),
    "a turn without content": Bad(
        _turn('"role": "user"'), 422, "Missing", "conversation.0.content"
    ),
    "null as content": Bad(_turn('"content": null'), 422, "null", "conversation.0.content"),
    "a number as content": Bad(
        _turn('"content": 7'), 422, "Not a valid string", "conversation.0.content"
    ),
    "a lone high surrogate": Bad(
        _turn(r'"content": "ab\ud800"'), 422, "surrogate at character 2", "conversation.0.content"
    ),
    "a lone low surrogate": Bad(
        _turn(r'"content": "\udc00"'), 422, "lone surrogate", "conversation.0.content"
    ),
    "surrogates the wrong way round": Bad(
        _turn(r'"content": "\udc00\ud800"'), 422, "lone surrogate", "conversation.0.content"
    ),
    "a lone surrogate in an edit": Bad(
        _turn(r'"content": "a", "edited_content": "\ud800"'),
        422,
        "lone surrogate",
        "conversation.0.edited_content",
    ),
    "an escaped NUL": Bad(
        _turn(r'"content": "a\u0000b"'), 422, "NUL character", "conversation.0.content"
    ),
    "an escaped NUL in an id": Bad(_submission(ingest_id="a\0"), 422, "NUL character", "ingest_id"),
    "a rating of its own": Bad(
        _turn('"content": "a", "rating": "great"'), 422, "Must be one of", "conversation.0.rating"
    ),
    "stopped as a word of its own": Bad(
        _turn('"content": "a", "stopped": "perhaps"'),
        422,
        "Not a valid boolean",
        "conversation.0.stopped",
    ),
    "a way out of the folder": Bad(
        _submission(ingest_id="../../etc/passwd"), 422, "'..' as a path segment", "ingest_id"
    ),
    "a way out of the folder on Windows": Bad(
        _submission(submitter_id="..\\..\\boot.ini"), 422, "'..' as a path segment", "submitter_id"
    ),
    "a way out of the folder as source": Bad(
        _submission(source="a/../.."), 422, "'..' as a path segment", "source"
    ),
    "a way out of the folder as agent": Bad(
        _submission(agent_id=".."), 422, "'..' as a path segment", "agent_id"
    ),
    "CR LF in an id": Bad(
        _submission(ingest_id="a\r\nSet-Cookie: b=c"), 422, "a control character", "ingest_id"
    ),
    "CR LF in a name": Bad(
        _submission(**{"network/attribution": "a\r\nb"}),
        422,
        "a control character",
        "network/attribution",
    ),
}

TOO_MUCH = {
    "nesting past 1,000 where it is ignored": Bad(
        _with('"x": ' + "[" * 1_001 + "]" * 1_001), 413, "max_nesting = 64"
    ),
    "nesting past 100,000": Bad(
        _with('"x": ' + "[" * 100_001 + "]" * 100_001), 413, "max_nesting = 64"
    ),
    "nested objects that never end": Bad(b'{"x":' * 100_000, 413, "max_nesting = 64"),
    "100,000 turns": Bad(
        _submission(conversation=[{"content": "a"}] * 100_000), 413, "max_turns = 10000"
    ),
    "100,000 keys": Bad(
        _submission(x={str(number): 0 for number in range(100_000)}),
        413,
        "max_object_keys = 1000",
    ),
}


@pytest.mark.parametrize("bad", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_a_body_that_is_no_json_is_refused_with_the_reason(server: Server, bad: Bad) -> None:
    _refused(post(server.port, bad.body), bad.status, says=bad.says, field=bad.field)


@pytest.mark.parametrize("bad", NOT_A_SUBMISSION.values(), ids=NOT_A_SUBMISSION.keys())
def test_a_submission_that_breaks_the_contract_is_refused_by_field(
    server: Server, bad: Bad
) -> None:
    _refused(post(server.port, bad.body), bad.status, says=bad.says, field=bad.field)


@pytest.mark.parametrize("bad", TOO_MUCH.values(), ids=TOO_MUCH.keys())
def test_a_submission_past_a_limit_is_refused_with_the_limit(server: Server, bad: Bad) -> None:
    _refused(post(server.port, bad.body), bad.status, says=bad.says, field=bad.field)


def _hundred_megabytes() -> Iterator[bytes]:
    yield b'{"agent_id": "a", "conversation": [{"content": "'
    yield from repeat(b"a" * MIB, 100)
    yield b'"}]}'


def _peak_memory_bytes(processes: Processes) -> int:
    return sum(map(peak_memory_bytes, processes.workers))


def test_a_text_of_100_mb_is_refused_by_its_announced_length(server: Server) -> None:
    length = sum(map(len, _hundred_megabytes()))

    answer = post(server.port, _hundred_megabytes(), f"Content-Length: {length}")

    _refused(answer, 413, says=f"max_body_bytes = {LONGEST_BODY_BYTES}")


def test_a_text_of_100_mb_in_chunks_is_refused_without_being_held(
    server: Server, processes: Processes
) -> None:
    peak = _peak_memory_bytes(processes)
    chunks = (b"%x\r\n%s\r\n" % (len(piece), piece) for piece in _hundred_megabytes())

    answer = post(server.port, chunks, CHUNKED)

    _refused(answer, 413, says=f"max_body_bytes = {LONGEST_BODY_BYTES}")
    assert _peak_memory_bytes(processes) - peak < 6 * LONGEST_BODY_BYTES


def _in_one_chunk(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def test_a_body_one_byte_too_long_is_refused(server: Server) -> None:
    body = GOOD + b" " * (LONGEST_BODY_BYTES + 1 - len(GOOD))

    _refused(post(server.port, body), 413, says=f"max_body_bytes = {LONGEST_BODY_BYTES}")


def test_a_body_in_chunks_is_not_cut_off_where_it_gets_too_long(server: Server) -> None:
    # Up to the limit it would be a good submission.
    body = GOOD + b" " * (LONGEST_BODY_BYTES + 1 - len(GOOD))

    answer = post(server.port, _in_one_chunk(body), CHUNKED)

    _refused(answer, 413, says=f"max_body_bytes = {LONGEST_BODY_BYTES}")


def _bomb(codec: str) -> bytes:
    """Return a gigabyte of spaces, compressed: zstd takes 33 kB for it, gzip 1 MB."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, codec) as stream:
        for _ in range(64 if codec == "zstd" else 4):
            stream.write(b" " * LONGEST_BODY_BYTES)
    bomb: bytes = sink.getvalue().to_pybytes()
    # gzip is slow to make, and members one after the other are one text: RFC 1952, 2.2.
    return bomb if codec == "zstd" else bomb * 16


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_a_bomb_is_refused_without_being_inflated(
    server: Server, processes: Processes, codec: str
) -> None:
    bomb = _bomb(codec)
    peak = _peak_memory_bytes(processes)

    answer = post(server.port, bomb, f"Content-Encoding: {codec}")

    _refused(answer, 413, says="the decompressed size of the body exceeds max_body_bytes")
    assert _peak_memory_bytes(processes) - peak < 6 * LONGEST_BODY_BYTES


def _compressed(codec: str, text: bytes = GOOD) -> bytes:
    if codec == "gzip":
        return gzip.compress(text)
    compressed: bytes = pa.compress(text, codec, asbytes=True)
    return compressed


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda _whole: GOOD, id="not compressed at all"),
        pytest.param(lambda whole: whole[: len(whole) // 2], id="cut in half"),
        pytest.param(lambda whole: whole[:-1], id="without its last byte"),
        pytest.param(lambda whole: whole[:20] + b"\0\0\0\0" + whole[24:], id="overwritten inside"),
        pytest.param(lambda whole: whole + b"more", id="with something after it"),
        pytest.param(lambda _whole: b"", id="empty"),
    ],
)
def test_a_damaged_compressed_body_is_refused(server: Server, codec: str, damage: Any) -> None:
    answer = post(server.port, damage(_compressed(codec)), f"Content-Encoding: {codec}")

    _refused(answer, 400, says="the body is")


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "deflate", "chunked"])
def test_an_unknown_content_encoding_is_refused_by_name(server: Server, encoding: str) -> None:
    answer = post(server.port, GOOD, f"Content-Encoding: {encoding}")

    _refused(answer, 415, says=f"{encoding} is not gzip or zstd")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "text/csv"])
def test_an_unknown_content_type_is_refused_by_name(server: Server, kind: str) -> None:
    _refused(post(server.port, GOOD, f"Content-Type: {kind}"), 415, says=kind)


def test_a_body_shorter_than_its_content_length_is_refused(server: Server) -> None:
    # What did come is a good submission by itself.
    answer = post(server.port, GOOD, f"Content-Length: {len(GOOD) + 1}")

    _refused(answer, 400, says="ended before its Content-Length")


_CHUNK: Final = b"%x\r\n%s\r\n" % (len(GOOD), GOOD)
BAD_CHUNKS = {
    "a size that is no number": b"zz\r\n" + GOOD + b"\r\n0\r\n\r\n",
    "a negative size": b"-1\r\n" + GOOD + b"\r\n0\r\n\r\n",
    "a size with a prefix": b"0x%x\r\n%s\r\n0\r\n\r\n" % (len(GOOD), GOOD),
    "a size with an underscore": b"1_0\r\n" + GOOD[:16] + b"\r\n0\r\n\r\n",
    "an empty size": b"\r\n" + GOOD + b"\r\n0\r\n\r\n",
    "a size past 64 bits": b"fffffffffffffffff\r\n" + GOOD + b"\r\n0\r\n\r\n",
    "a size line that never ends": b"1" * 100_000,
    "a size that is too small": b"%x\r\n%s\r\n0\r\n\r\n" % (len(GOOD) - 1, GOOD),
    "a size that is too large": b"%x\r\n%s\r\n0\r\n\r\n" % (len(GOOD) + 1, GOOD),
    "no line end after a chunk": b"%x\r\n%s0\r\n\r\n" % (len(GOOD), GOOD),
    "line feeds alone": b"%x\n%s\n0\n\n" % (len(GOOD), GOOD),
    "no chunk at all": b"",
    "no last chunk": _CHUNK,
    "no end of the trailers": _CHUNK + b"0\r\n",
    "a chunk cut off": _CHUNK[:-10],
    "a trailer that is no header": _CHUNK + b"0\r\nno colon\r\n\r\n",
}


@pytest.mark.parametrize("chunks", BAD_CHUNKS.values(), ids=BAD_CHUNKS.keys())
def test_bad_chunks_are_refused(server: Server, chunks: bytes) -> None:
    answer = post(server.port, chunks, CHUNKED)

    _refused(answer, 400, says="the body broke off, or its chunks are malformed")


ACCEPTABLE_CHUNKS = {
    "one chunk": _CHUNK + b"0\r\n\r\n",
    "one byte in each chunk": b"".join(b"1\r\n%c\r\n" % byte for byte in GOOD) + b"0\r\n\r\n",
    "an extension": b"%x;name=value\r\n%s\r\n0\r\n\r\n" % (len(GOOD), GOOD),
    "leading zeros and capitals": b"000%X\r\n%s\r\n0\r\n\r\n" % (len(GOOD), GOOD),
    "a trailer": _CHUNK + b"0\r\nX-Checksum: 1\r\n\r\n",
}


@pytest.mark.parametrize("chunks", ACCEPTABLE_CHUNKS.values(), ids=ACCEPTABLE_CHUNKS.keys())
def test_good_chunks_are_accepted(shared_server: Server, chunks: bytes) -> None:
    journalled = shared_server.journalled()

    answer = post(shared_server.port, chunks, CHUNKED)

    assert answer.status == 200, answer
    assert shared_server.journalled() == journalled + 1


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_compressed_chunks_are_accepted(shared_server: Server, codec: str) -> None:
    journalled, chunks = shared_server.journalled(), _in_one_chunk(_compressed(codec))

    answer = post(shared_server.port, chunks, CHUNKED, f"Content-Encoding: {codec}")

    assert answer.status == 200, answer
    assert shared_server.journalled() == journalled + 1


def test_the_longest_body_that_may_be_is_accepted(shared_server: Server) -> None:
    body = GOOD + b" " * (LONGEST_BODY_BYTES - len(GOOD))
    journalled = shared_server.journalled()

    assert post(shared_server.port, body).status == 200
    assert post(shared_server.port, _in_one_chunk(body), CHUNKED).status == 200
    assert shared_server.journalled() == journalled + 2
