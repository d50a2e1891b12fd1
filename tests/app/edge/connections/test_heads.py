import pytest

from app.edge.connections.heads import checked_size, without_upgrade

HOST = (b"host", b"lake")


def test_the_size_of_a_head_is_that_of_its_target_and_headers() -> None:
    assert checked_size(b"/v1/health/", [HOST, (b"a", b"12")], "1.1") == 11 + 8 + 3


@pytest.mark.parametrize("value", [b"chunked", b" Chunked\t"])
def test_a_body_in_chunks_is_understood(value: bytes) -> None:
    assert checked_size(b"/", [HOST, (b"transfer-encoding", value)], "1.1")


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        ([HOST], "2.0"),
        ([HOST], "0.9"),
        ([HOST, HOST], "1.1"),
        ([HOST, (b"transfer-encoding", b"chunked")], "1.0"),
        ([HOST, (b"transfer-encoding", b"gzip, chunked")], "1.1"),
        ([HOST, (b"transfer-encoding", b"xchunked")], "1.1"),
    ],
)
def test_a_head_that_proxies_may_read_otherwise_is_refused(
    headers: list[tuple[bytes, bytes]], version: str
) -> None:
    with pytest.raises(ValueError, match=r"another|several"):
        checked_size(b"/", headers, version)


def test_only_the_offer_of_another_protocol_is_left_out() -> None:
    line = (b"POST", b"/v1/ingest/chat", b"1.1")
    headers = [HOST, (b"upgrade", b"h2c"), (b"content-length", b"2")]
    head = b"POST /v1/ingest/chat HTTP/1.1\r\nhost: lake\r\ncontent-length: 2\r\n\r\n"
    assert without_upgrade(line, headers) == head
