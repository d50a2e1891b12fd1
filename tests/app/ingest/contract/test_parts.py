from typing import Any

import pytest

from app.ingest.contract import MAX_NAME_CHARACTERS
from catalog.records import Attachment
from tests.app.ingest.contract.test_submission import turn_errors
from tests.app.ingest.contract.test_turns import loaded

TEXT = {"type": "text", "text": "What is "}
DATA_URL = "data:image/png;base64,iVBORw0KGgo="


def test_texts_are_joined_with_nothing_between() -> None:
    parts = [TEXT, {"type": "input_text", "text": "this?"}, {"type": "refusal", "refusal": " No."}]
    assert loaded(content=parts).content == "What is this? No."
    assert loaded(content=parts).attachments is None


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (
            {"type": "image_url", "image_url": {"url": "https://example.org/sky.png"}},
            Attachment("image", name="https://example.org/sky.png"),
        ),
        ({"type": "input_image", "image_url": "sky.png"}, Attachment("image", name="sky.png")),
        (
            {"type": "input_image", "image_url": "https://example.org/sky.png?sig=abc#top"},
            Attachment("image", name="https://example.org/sky.png"),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
            Attachment("audio", media_type="audio/wav"),
        ),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_id": "file-1"}},
            Attachment("file", name="a.pdf"),
        ),
        ({"type": "file", "file": {"file_id": "file-1"}}, Attachment("file", name="file-1")),
        ({"type": "video_url", "video_url": {"url": "v"}}, Attachment("video", name="v")),
        ({"type": "hologram", "depth": 3}, Attachment("hologram")),
    ],
)
def test_what_is_no_text_becomes_an_attachment(part: dict[str, Any], expected: Attachment) -> None:
    turn = loaded(content=[TEXT, part], attachments=[{"kind": "own"}])
    assert turn.content == "What is "
    assert turn.attachments == (Attachment("own"), expected)


def test_a_long_address_is_cut_off() -> None:
    address = "https://example.org/" + "x" * MAX_NAME_CHARACTERS
    turn = loaded(content=[{"type": "image_url", "image_url": {"url": address}}])
    assert turn.attachments == (Attachment("image", name=address[:MAX_NAME_CHARACTERS]),)


@pytest.mark.parametrize(
    ("part", "path"),
    [
        ({"type": "image_url", "image_url": {"url": DATA_URL}}, ("image_url", "url")),
        ({"type": "image_url", "image_url": DATA_URL}, ("image_url", "url")),
        ({"type": "file", "file": {"file_data": DATA_URL}}, ("file", "file_data")),
        ({"type": "text", "text": 1}, ("text",)),
        ({"type": "text", "text": "a\x00b"}, ("text",)),
        ({"type": "text", "text": "\ud800"}, ("text",)),
        ({"text": "a"}, ("type",)),
        ({"type": 1}, ("type",)),
        ({"type": "tool_use", "name": "clock", "input": {}}, ("type",)),
        ({"type": "tool-result", "result": "9:30"}, ("type",)),
        ({"type": "thinking", "thinking": "It is late."}, ("type",)),
        ({"type": "image_url", "image_url": 1}, ("image_url",)),
        ({"type": "image_url", "image_url": {"url": "a\nb"}}, ("image_url", "url")),
        ("text", ("_schema",)),
        (None, ("_schema",)),
        ([], ("_schema",)),
    ],
)
def test_a_wrong_part_is_named(part: Any, path: tuple[str, ...]) -> None:
    found = turn_errors(content=[TEXT, part])["content"][1]
    for key in path:
        assert set(found) == {key}
        found = found[key]


def test_the_error_of_a_data_url_says_what_to_do() -> None:
    part = {"type": "image_url", "image_url": {"url": DATA_URL}}
    assert "leave bytes out" in str(turn_errors(content=[part]))
