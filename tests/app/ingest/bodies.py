"""Bodies of submissions for property tests: valid ones, similar ones, and valid ones edited."""

import json
from typing import Any

from hypothesis import strategies as st

from app.ingest.contract import SubmissionSchema
from app.ingest.contract.turns import TurnSchema
from tests.factories import make_submission

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
_LINE = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40).filter(
    lambda text: ".." not in text
)
_SOME_LINE = _LINE.filter(bool)
_TIME = st.sampled_from(
    [
        None,
        "",
        "2026-11-29T08:30:00Z",
        "2026-11-29t08:30:00.123456789+05:30",
        "0001-01-01 00:00:00z",
    ]
)


def _maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | st.lists(values, max_size=2)


_CALL = st.fixed_dictionaries(
    {"name": _SOME_LINE}, optional={"id": st.none() | _LINE, "arguments": st.none() | TEXT}
)
_ATTACHMENT = st.fixed_dictionaries(
    {"kind": _SOME_LINE},
    optional={
        **dict.fromkeys(("media_type", "name"), st.none() | _LINE),
        "bytes": st.none() | st.integers(0, 2**63 - 1),
        "sha256": st.sampled_from([None, "", "0123456789abcdef" * 4]),
        "text": st.none() | TEXT,
    },
)
_FIRST = {
    "role": st.none() | _LINE,
    "rating": st.sampled_from([None, "", "positive", "negative"]),
    "stopped": st.sampled_from([None, True, False, "true", "false"]),
    "edited_content": st.none() | TEXT,
}
_LATER = {
    **dict.fromkeys(("tool_call_id", "name", "model"), st.none() | _LINE),
    "reasoning": st.none() | TEXT,
    "tool_calls": _maybe(_CALL),
    "created_at": _TIME,
    "attachments": _maybe(_ATTACHMENT),
}
_ALTERNATIVE = st.fixed_dictionaries({"content": TEXT}, optional={**_FIRST, **_LATER})
_CONTINUATION = st.lists(_ALTERNATIVE, min_size=1, max_size=2)
_TURN = st.fixed_dictionaries({"content": TEXT}, optional=_FIRST) | st.fixed_dictionaries(
    {"content": TEXT}, optional={**_FIRST, **_LATER, "alternatives": _maybe(_CONTINUATION)}
)
_CLIENT = st.fixed_dictionaries({"name": _SOME_LINE}, optional={"version": st.none() | _LINE})
SUBMISSION = st.fixed_dictionaries(
    {"agent_id": _LINE, "conversation": st.lists(_TURN, min_size=1, max_size=4)},
    optional={
        **dict.fromkeys(("source", "submitter_id", "ingest_id", "attribution"), st.none() | _LINE),
        **dict.fromkeys(("prompt_template", "chat_template", "title", "tools"), st.none() | TEXT),
        **dict.fromkeys(("network/attribution", "licence"), st.none() | _LINE),
        "created_at": _TIME,
        "client": st.none() | _CLIENT,
        "labels": st.none() | st.dictionaries(_SOME_LINE, TEXT, max_size=2),
    },
)
# Everything that JSON can hold, lone surrogates included.
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(), max_size=10)
    | st.sampled_from(["", "true", "positive", "..", "a\nb", "\x00", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["content", "role", "type", "name", "url", "x", "", "\ud800"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
_KEYS = [*SubmissionSchema().dump_fields, "network/attribution", "unknown"]
_PART = st.dictionaries(
    st.sampled_from(["type", "text", "image_url", "input_audio", "file", "x"]),
    st.sampled_from(["text", "image_url", "data:,x", {"url": "x"}, {"data": "x"}]) | ANYTHING,
    max_size=3,
)
_ALMOST_TURN = st.dictionaries(
    st.sampled_from([*TurnSchema().dump_fields, "reasoning_content", "x"]),
    st.lists(_CALL | _ATTACHMENT | _PART | _CONTINUATION, max_size=2) | ANYTHING,
    max_size=4,
)
ALMOST = st.dictionaries(
    st.sampled_from(_KEYS), ANYTHING | st.lists(_TURN | _ALMOST_TURN, max_size=3), max_size=8
)

# Escaped and unescaped bodies, and fragments that make JSON odd, ambiguous or broken anywhere.
BODIES = [
    json.dumps(submission, ensure_ascii=ensure_ascii).encode()
    for ensure_ascii in (True, False)
    for submission in (
        make_submission('a \\ "b" \u00e9 \U0001f600', "", source="s", ingest_id="i"),
        {
            "agent_id": "",
            "network/attribution": "n",
            "conversation": [
                {"content": '\\\\"', "role": None, "stopped": True, "rating": "positive"},
                {"content": "x", "role": "", "stopped": False, "edited_content": "y"},
            ],
        },
        {
            "agent_id": "a",
            "client": {"name": "c", "version": ""},
            "created_at": "2026-11-29T08:30:00+01:00",
            "tools": "[]",
            "conversation": [
                {
                    "content": "",
                    "reasoning": "r",
                    "tool_calls": [{"id": "1", "name": "f", "arguments": "{}"}, {"name": "g"}],
                    "attachments": [{"kind": "image", "bytes": 5, "sha256": "0f" * 32}],
                    "created_at": "",
                },
                {
                    "content": "x",
                    "tool_call_id": "1",
                    "alternatives": [[{"content": "y", "model": "m"}], [{"content": "z"}] * 2],
                },
                {"content": "x", "tool_calls": [], "attachments": None, "alternatives": []},
            ],
        },
    )
]
_FRAGMENTS = [
    *(
        b'"',
        b"\\",
        b'\\"',
        b"\\\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b" ",
        b"\n",
        b"\\/",
        b"\\x",
    ),
    *(b"\\u0000", b"\\ud800", b"\\udc00", b"\\ud83d\\ude00", b"\\u0022", b"\\u002e", b".."),
    *(
        b"\x00",
        b"\x01",
        b"\x7f",
        b"\xc2\x85",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xc0\x80",
        b"\xf4\x90\x80\x80",
    ),
    *(b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"null", b"true", b"1", b"NaN", b"1e999", b'"":"",'),
    *(b'"role":"x",', b'"stopped":true,', b'"content":"",', b'"agent_id":"z",', b'"unknown":1,'),
    *(
        b'"name":"x",',
        b'"bytes":0,',
        b'"tool_calls":[],',
        b'"kind":"k",',
        b"[{",
        b"}]",
        b"-1",
        b"2",
    ),
    *(
        b'"labels":{"a":"b"},',
        b'"created_at":"2026-01-01T00:00:00Z",',
        b'"client":null,',
        b"T",
        b"Z",
    ),
    *(b'"role"', b'"content"', b'"stopped":null,', b'"rating":"negative",', b'"source":"",'),
]
_DRAWN_BYTES = 13
"""A body is drawn from a byte for the original and the number of edits, and four for each edit."""
_EDITS = (0, 1, 1, 1, 1, 2, 2, 3)
"""Numbers of edits. One alone leaves most of the bodies that are still read."""


def edited_bodies(count: int) -> st.SearchStrategy[list[bytes]]:
    """Return a strategy for bodies in which bytes are replaced by fragments, in up to three places.

    All bodies are one draw: Hypothesis takes longer for a draw than most tests for a body.

    Args:
        count: The number of bodies.
    """
    size = count * _DRAWN_BYTES
    return st.binary(min_size=size, max_size=size).map(
        lambda drawn: [
            _edited(drawn[start : start + _DRAWN_BYTES]) for start in range(0, size, _DRAWN_BYTES)
        ]
    )


def _edited(drawn: bytes) -> bytes:
    """Return a body and its edits: a position (two bytes), bytes to remove, and a fragment."""
    index, edits = divmod(drawn[0], len(_EDITS))
    body = BODIES[index % len(BODIES)]
    for start in range(1, 1 + 4 * _EDITS[edits], 4):
        high, low, removed, fragment = drawn[start : start + 4]
        place = (high << 8 | low) % (len(body) + 1)
        kept = place + removed % 4
        body = body[:place] + _FRAGMENTS[fragment % len(_FRAGMENTS)] + body[kept:]
    return body
