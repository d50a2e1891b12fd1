import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError

from app.ingest.contract import SubmissionSchema
from app.ingest.decoding.content_hashes import content_hash
from app.ingest.decoding.contributions import (
    decode,
    decode_in_detail,
    decode_plain,
    new_contribution_id,
)
from app.ingest.decoding.strict_json import JsonLimits
from app.ingest.errors import InvalidSubmission, LimitExceeded, MalformedBody
from catalog.records import AlternativeTurn, Attachment, Contribution, ToolCall, Turn, time_of
from tests.app.ingest.bodies import ALMOST, ANYTHING, BODIES, SUBMISSION, TEXT, edited_bodies
from tests.factories import IDS, SENDER, make_submission, make_turns
from tests.strategies import conversations, rich_conversations

LIMITS = JsonLimits(max_turns=10_000, max_nesting=64, max_object_keys=1_000)
ID = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


def _decode(submission: Any) -> Contribution:
    return decode(json.dumps(submission).encode(), LIMITS, ID, SENDER).contribution


SERVERS_FIELDS = {"contribution_id", "received_at", "content_hash"}
FIRST_FIELDS = {"content", "role", "rating", "stopped", "edited_content"}
"""The fields of a turn that its hash always covers."""


def _written(value: Any) -> Any:
    """Return what canonical JSON says of a value: its first fields, and others that were given."""
    match value:
        case tuple():
            return list(map(_written, value))
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case msgspec.Struct():
            return {
                name: _written(given)
                for name, given in msgspec.structs.asdict(value).items()
                if given is not None
                or (isinstance(value, AlternativeTurn) and name in FIRST_FIELDS)
            }
    return value


def _canonical(conversation: tuple[Turn, ...]) -> bytes:
    text = json.dumps(
        _written(conversation), sort_keys=True, ensure_ascii=False, separators=(",", ":")
    )
    return text.encode()


# What real clients send, as they send it.

DESKTOP: dict[str, Any] = {
    "agent_id": "gpt4all-falcon-q4_0.gguf",
    "conversation": [
        {"content": "What is 1+1?", "role": "user"},
        {
            "content": "3",
            "edited_content": "2",
            "rating": "negative",
            "role": "assistant",
            "stopped": "true",
        },
    ],
    "ingest_id": "{a40e4d2b-7d3e-4d1f-8f5b-0a4ea3d3a0f1}",
    "chat_template": "{%- for message in messages %}\n{{ message.content }}\n{%- endfor %}",
    "network/attribution": "Ada Lovelace",
    "source": "gpt4all-chat",
    "submitter_id": "{0b7e1a9e-1111-4e4c-8888-123456789abc}",
}
BULK = {
    "source": "",
    "submitter_id": "",
    "agent_id": "unknown",
    "ingest_id": "",
    "conversation": [
        {"content": "Hi", "role": "user", "rating": "", "edited_content": ""},
        {"content": "", "role": "", "rating": "", "edited_content": "", "stopped": False},
    ],
}


def test_submissions_of_the_desktop_client_are_decoded() -> None:
    contribution = _decode(DESKTOP)
    assert contribution == Contribution(
        contribution_id=ID,
        conversation_id=IDS.conversation_id(DESKTOP["submitter_id"], DESKTOP["ingest_id"]),
        received_at=time_of(ID),
        agent_id="gpt4all-falcon-q4_0.gguf",
        conversation=(
            Turn("What is 1+1?", "user"),
            Turn("3", "assistant", "negative", stopped=True, edited_content="2"),
        ),
        content_hash=contribution.content_hash,
        source="gpt4all-chat",
        contributor_id=IDS.contributor_id(DESKTOP["submitter_id"]),
        attribution="Ada Lovelace",
        prompt_template=None,
        chat_template="{%- for message in messages %}\n{{ message.content }}\n{%- endfor %}",
    )


def test_empty_texts_of_the_bulk_script_become_null() -> None:
    contribution = _decode(BULK)
    assert contribution.conversation == (Turn("Hi", "user"), Turn(""))
    assert contribution.agent_id == "unknown"
    assert contribution.conversation_id == ID
    for name in ("source", "contributor_id", "attribution", "prompt_template", "chat_template"):
        assert getattr(contribution, name) is None, name


# What comes in is what is kept.


def _kept(value: Any, key: str = "") -> Any:
    """Return a value of a submission or contribution without what counts as left out."""
    match value:
        case dict() if key != "labels":
            kept = {name: _kept(inner, name) for name, inner in value.items()}
            return {
                name: inner
                for name, inner in kept.items()
                if inner not in (None, "", [], {}) and inner is not False
            }
        case list() | tuple():
            return list(map(_kept, value))
        case str() if key == "created_at" and value:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        case str() if key == "stopped":
            return value == "true"
    return value


@pytest.mark.slow
@given(SUBMISSION, st.booleans())
def test_any_valid_submission_keeps_exactly_its_values(
    submission: dict[str, Any], escaped: bool
) -> None:
    body = json.dumps(submission, ensure_ascii=escaped).encode()
    contribution = decode(body, LIMITS, ID, SENDER).contribution

    expected = _kept(submission)
    sent = SENDER.identify(expected.pop("submitter_id", None), expected.pop("ingest_id", None), ID)
    expected |= {"conversation_id": sent.conversation_id}
    expected |= {"contributor_id": sent.contributor_id} if sent.contributor_id else {}
    credit = expected.pop("network/attribution", None)
    expected |= {"attribution": expected.get("attribution", credit)} if credit else {}
    made = _kept(msgspec.to_builtins(contribution, builtin_types=(datetime,)))
    assert {name: made[name] for name in made.keys() - SERVERS_FIELDS} == expected
    assert contribution.content_hash == content_hash(contribution.conversation)
    assert (contribution.contribution_id, contribution.received_at) == (ID, time_of(ID))


@pytest.mark.parametrize(
    "text",
    [
        "\U0001f469\u200d\U0001f52c\ufe0f",
        "\u202eright to left\u202c \u05e9\u05dc\u05d5\u05dd",
        "Z\u0351\u036b\u0343a\u0334\u0321l",
        "e\u0301 is not \u00e9",
        "\r\n\t mixed \r lines \n",
        "\ufeffnot a mark",
        "<script>alert(1)</script>",
        "=HYPERLINK(1)",
        "'; DROP TABLE journal; --",
        "\x01\x1f\x7f\x80\x9f\u2028\u2029",
        "\uffff\ufffe\U0010ffff",
        '\\u0000 spelt out, "quoted" \\',
        " " * 100,
        "x" * 1_000_000,
    ],
    ids=ascii,
)
def test_text_that_is_odd_but_valid_is_kept_to_the_byte(text: str) -> None:
    turn = {"content": text, "edited_content": text}
    for escaped in (False, True):
        body = json.dumps(
            make_submission(conversation=[turn], chat_template=text), ensure_ascii=escaped
        )
        contribution = decode(body.encode(), LIMITS, ID, SENDER).contribution
        (kept,) = contribution.conversation
        assert kept.content.encode() == text.encode()
        assert kept.edited_content == text
        assert contribution.chat_template == text


# Whatever comes in, the answer is a contribution or one of three errors.


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_by_their_own_error(body: bytes) -> None:
    with pytest.raises((MalformedBody, LimitExceeded, InvalidSubmission)):
        decode(body, LIMITS, ID, SENDER)


@pytest.mark.slow
@given(ANYTHING | ALMOST)
def test_any_json_is_taken_or_refused_by_its_own_error(value: Any) -> None:
    try:
        contribution = _decode(value)
    except InvalidSubmission as error:
        assert error.errors
    except (MalformedBody, LimitExceeded) as error:
        assert str(error)
    else:
        json.dumps(msgspec.structs.asdict(contribution), default=str).encode()


@pytest.mark.slow
@given(SUBMISSION | ALMOST)
def test_decoding_accepts_exactly_the_valid_submissions_of_the_schema(value: Any) -> None:
    try:
        contribution = _decode(value)
    except (MalformedBody, LimitExceeded):
        return
    except InvalidSubmission as error:
        with pytest.raises(ValidationError) as caught:
            SubmissionSchema().load(value)
        assert error.errors == caught.value.messages_dict
    else:
        loaded = SubmissionSchema().load(value)
        identity = SENDER.identify(loaded.pop("submitter_id"), loaded.pop("ingest_id"), ID)
        loaded["contributor_id"] = identity.contributor_id
        loaded["conversation_id"] = identity.conversation_id
        assert {name: getattr(contribution, name) for name in loaded} == loaded


# Bytes are read as the schema loads them.


@pytest.mark.slow
@settings(max_examples=450)
@given(edited_bodies(20))
def test_decoding_from_bytes_agrees_with_the_schema(bodies: list[bytes]) -> None:
    for body in bodies:
        decoded = decode_plain(body, LIMITS, ID, SENDER)
        # None leaves the body to the schema, so that there is nothing to disagree on.
        if decoded is not None:
            assert decoded == decode_in_detail(body, LIMITS, ID, SENDER)


@pytest.mark.slow
@settings(max_examples=450)
@given(SUBMISSION, st.booleans())
def test_decoding_from_bytes_agrees_with_the_schema_for_any_text(
    submission: dict[str, Any], ensure_ascii: bool
) -> None:
    body = json.dumps(submission, ensure_ascii=ensure_ascii).encode()
    decoded = decode_plain(body, LIMITS, ID, SENDER)
    if decoded is not None:
        assert decoded == decode_in_detail(body, LIMITS, ID, SENDER)


@pytest.mark.parametrize("body", BODIES)
def test_simple_submissions_are_decoded_from_bytes(body: bytes) -> None:
    decoded = decode_plain(body, LIMITS, ID, SENDER)
    assert decoded == decode_in_detail(body, LIMITS, ID, SENDER)


@pytest.mark.parametrize(
    "turn",
    [
        '{"content": "a", "content": "b"}',
        '{"content": "a", "stopped": false, "stopped": false}',
        '{"content": "a", "unknown": "b"}',
        '{"content": "\\u0000"}',
        # The second text has as many escaped quotation marks as are lost with the first one.
        '{"content": "a", "content": "\\u0022\\u0022\\u0022\\u0022"}',
        '{"content": "a", "role": "a\\nb"}',
        '{"content": "a", "stopped": "true"}',
    ],
)
def test_other_submissions_are_left_to_the_schema(turn: str) -> None:
    body = f'{{"agent_id": "a", "conversation": [{turn}]}}'
    assert decode_plain(body.encode(), LIMITS, ID, SENDER) is None


@pytest.mark.parametrize(
    "limits",
    [
        JsonLimits(max_turns=1, max_nesting=64, max_object_keys=1_000),
        JsonLimits(max_turns=9, max_nesting=2, max_object_keys=1_000),
        JsonLimits(max_turns=9, max_nesting=64, max_object_keys=1),
        JsonLimits(max_turns=9, max_nesting=64, max_object_keys=1_000, max_brackets=3),
    ],
    ids=str,
)
def test_no_limit_is_passed_over_by_reading_from_bytes(limits: JsonLimits) -> None:
    body = json.dumps(make_submission()).encode()
    assert decode_plain(body, limits, ID, SENDER) is None
    with pytest.raises(LimitExceeded):
        decode(body, limits, ID, SENDER)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"agent_id": "\ud800"}, "agent_id"),
        ({"source": "a\x00b"}, "source"),
        ({"ingest_id": "../../x"}, "ingest_id"),
        ({"submitter_id": "a\r\nb"}, "submitter_id"),
        ({"conversation": []}, "conversation"),
        ({"conversation": [{"content": "\udfff"}]}, "conversation"),
        ({"conversation": [{}]}, "conversation"),
        ({"conversation": 2**62}, "conversation"),
    ],
)
def test_a_bad_field_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidSubmission) as caught:
        _decode(make_submission(**change))
    assert set(caught.value.errors) == {field}


def test_a_body_that_is_cut_short_at_any_byte_is_malformed() -> None:
    body = json.dumps(make_submission("caf\u00e9"), ensure_ascii=False).encode()
    for length in range(len(body)):
        with pytest.raises(MalformedBody):
            decode(body[:length], LIMITS, ID, SENDER)


@pytest.mark.parametrize("turns", [10_001, 100_000])
def test_too_many_turns_exceed_the_limit(turns: int) -> None:
    # The turns aren't looked at: each of them would be invalid.
    body = b'{"agent_id": "a", "conversation": [' + b",".join([b"0"] * turns) + b"]}"
    with pytest.raises(LimitExceeded, match="conversation") as caught:
        decode(body, LIMITS, ID, SENDER)
    assert (caught.value.limit, caught.value.maximum) == ("max_turns", 10_000)


def test_a_submission_may_have_as_many_turns_as_the_limit() -> None:
    submission = make_submission(conversation=[{"content": "x"}] * 10_000)
    assert len(_decode(submission).conversation) == 10_000


@pytest.mark.parametrize("more", [{}, {"unknown": 1}], ids=["plain", "in detail"])
def test_the_turns_of_alternatives_count(more: dict[str, Any]) -> None:
    limits = replace(LIMITS, max_turns=5)
    turn = {"content": "a", "alternatives": [[{"content": "b"}], [{"content": "c"}] * 2]}
    enough = make_submission(conversation=[turn, {"content": "d"}], **more)
    decode(json.dumps(enough).encode(), limits, ID, SENDER)
    too_many = make_submission(conversation=[turn, {"content": "d"}, {"content": "e"}], **more)
    with pytest.raises(LimitExceeded) as caught:
        decode(json.dumps(too_many).encode(), limits, ID, SENDER)
    assert caught.value.limit == "max_turns"


def test_the_deepest_submission_of_known_keys_is_read_from_bytes() -> None:
    call = {"name": "f"}
    turn = {"content": "a", "alternatives": [[{"content": "b", "tool_calls": [call]}]]}
    body = json.dumps(make_submission(conversation=[turn])).encode()
    deep = JsonLimits(max_turns=9, max_nesting=8, max_object_keys=1_000)
    assert decode_plain(body, deep, ID, SENDER) is not None
    with pytest.raises(LimitExceeded):
        decode(body, replace(deep, max_nesting=7), ID, SENDER)


def test_nesting_in_an_unknown_field_is_limited_too() -> None:
    submission = json.dumps(make_submission())
    body = submission[:-1] + ', "ignored": ' + "[" * 2_000 + "]" * 2_000 + "}"
    with pytest.raises(LimitExceeded) as caught:
        decode(body.encode(), LIMITS, ID, SENDER)
    assert caught.value.limit == "max_nesting"


# Identity.


@pytest.mark.parametrize(("ingest_id", "echoed"), [(None, ID), ("", ID), ("mine", "mine")])
def test_without_an_id_that_owns_it_a_conversation_has_the_contributions_id(
    ingest_id: str | None, echoed: str
) -> None:
    body = json.dumps(make_submission(ingest_id=ingest_id)).encode()
    decoded = decode(body, LIMITS, ID, SENDER)
    assert decoded.contribution.conversation_id == ID
    assert decoded.ingest_id == echoed


def test_new_ids_are_of_now_and_never_go_back() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    ids = [new_contribution_id() for _ in range(10_000)]
    assert ids == sorted(set(ids))
    assert before <= time_of(ids[0]) <= time_of(ids[-1]) <= datetime.now(UTC)


@pytest.mark.slow
@given(conversations(TEXT) | rich_conversations(TEXT))
def test_the_content_hash_is_that_of_the_canonical_json(conversation: tuple[Turn, ...]) -> None:
    expected = hashlib.sha256(_canonical(conversation)).hexdigest()
    assert content_hash(conversation) == expected


def test_the_content_hash_of_a_known_conversation_never_changes() -> None:
    expected = hashlib.sha256(
        '[{"content":"caf\u00e9\\n","edited_content":null,"rating":null,"role":"user",'
        '"stopped":false}]'.encode()
    ).hexdigest()
    assert content_hash([Turn("caf\u00e9\n", "user")]) == expected


def test_the_content_hash_depends_on_every_field_of_every_turn_and_on_their_order() -> None:
    turns = make_turns("one", "two")
    changed: dict[str, Any] = dict.fromkeys(Turn.__struct_fields__, "x")
    changed |= {"rating": "positive", "stopped": True, "created_at": datetime.now(UTC)}
    changed |= {"tool_calls": (ToolCall(name="x"),), "attachments": (Attachment(kind="x"),)}
    changed["alternatives"] = ((AlternativeTurn("x"),),)
    others = [turns[::-1], turns[:1], (*turns, turns[0])]
    for name, value in changed.items():
        others.append((msgspec.structs.replace(turns[0], **{name: value}), turns[1]))
    hashes = {content_hash(conversation) for conversation in [turns, *others]}
    assert len(hashes) == 1 + len(others)


def test_the_content_hash_leaves_out_everything_but_the_conversation() -> None:
    first = _decode(make_submission(source="a", ingest_id="1"))
    second = _decode(make_submission(source="b", title="b", labels={"a": "b"}))
    assert first.content_hash == second.content_hash
