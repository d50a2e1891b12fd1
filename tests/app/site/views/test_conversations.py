"""The page of a conversation: what it shows, to whom, and what can be done on it."""

import re
from typing import Any, Final
from uuid import UUID

import pyarrow as pa
import pytest
from flask.testing import FlaskClient

from app.access.contributors.keys import new_contributor_key
from app.curation.pipeline import runner
from app.curation.pipeline.runner import Runner
from app.maps.build import build_map
from app.maps.description import MapParameters
from app.services import Services
from app.settings import Settings
from catalog.records import AlternativeTurn, Attachment, Client, Contribution, ToolCall, Turn
from catalog.schema import ID
from tests.app.curation.build import stages_of
from tests.app.curation.watched_rules import TEST_RULES
from tests.app.maps.rows import ROW_SCHEMA, SOURCE, about_topics
from tests.factories import commit_batch, hide, make_received, show
from tests.lakes import opened_app

PAGE: Final = "text/html"
RICH: Final = (
    Turn("Be *kind*.", "system"),
    Turn("Why is the sky blue?", "user", attachments=(Attachment("image", "image/png", "s.png"),)),
    Turn(
        "```python\nprint(1)\n```",
        "assistant",
        "positive",
        edited_content="```python\nprint(2)\n```",
        reasoning="It scatters.",
        tool_calls=(ToolCall("call-1", "look_up", '{"of": "sky"}'),),
        model="sky-1",
        alternatives=((AlternativeTurn("Another answer", "assistant", model="sky-2"),),),
    ),
    Turn("blue", "tool", tool_call_id="call-1", name="look_up"),
)
KEPT_WORDS: Final = ("tides come and go with the moon", "they follow it twice a day")
OWNER: Final = new_contributor_key()


def address(contribution: Contribution, rest: str = "") -> str:
    return f"/conversations/{contribution.contribution_id}{rest}"


def text_of(page: str) -> str:
    """Return what a page says, without its elements."""
    return " ".join(re.sub(r"<[^>]*>", " ", page.split("<main", 1)[1]).split())


@pytest.fixture
def built(services: Services, monkeypatch: pytest.MonkeyPatch) -> dict[str, Contribution]:
    """Contributions of a lake whose stages were built in this process; the copy is `OWNER`'s."""
    owner = services.access.ids.contributor_id(OWNER)
    monkeypatch.setattr(runner, "start", lambda _: Runner(processes=1))
    made = {
        "kept": make_received(0, "SECRET tides", *KEPT_WORDS[1:]),
        "copy": make_received(1, "SECRET tides", *KEPT_WORDS[1:], contributor_id=owner),
        "alone": make_received(1, "Is anybody there?"),
    }
    snapshot = commit_batch(services, *made.values())
    stages_of(services, TEST_RULES).build("curated", snapshot)
    made["late"] = make_received(2, "late", "later")
    commit_batch(services, made["late"])
    return made


@pytest.mark.slow
def test_a_page_shows_the_turns_with_all_that_belongs_to_them(
    client: FlaskClient, services: Services
) -> None:
    made = make_received(
        0,
        conversation=RICH,
        title="The <sky>",
        source="an-app",
        attribution="Ada",
        licence="CC0-1.0",
        client=Client("Chat", "2"),
        labels={"topic": "light"},
        tools='[{"name": "look_up"}]',
    )
    commit_batch(services, made)
    answer = client.get(address(made))
    assert (answer.status_code, answer.mimetype) == (200, PAGE)
    assert "<h1><bdi>The &lt;sky&gt;</bdi></h1>" in answer.text
    assert "<em>kind</em>" in answer.text
    assert "<del>1</del><ins>2</ins>" in answer.text
    assert '<span class="mi">1</span>' in answer.text
    said = text_of(answer.text)
    for part in (
        *("Reasoning It scatters.", "Calls look_up as call-1", "answers call-1"),
        *("Attachment image , s.png , image/png", "rated good", "Alternative 1", "Another answer"),
        *("an-app", "Ada", "CC0-1.0", "Chat 2", "topic light", "Tools that were offered"),
        *("this one", "This stage was not computed yet.", "Something is wrong with it"),
    ):
        assert part in said, part
    assert "Withdraw" not in said
    assert f'href="/v1/contributions/{made.contribution_id}" download' in answer.text


@pytest.mark.slow
def test_versions_are_listed_with_their_snapshots(client: FlaskClient, services: Services) -> None:
    mine = {"contributor_id": "a" * 32, "conversation_id": "chat"}
    old, new = make_received(0, "old", **mine), make_received(1, "new", **mine)
    first, second = commit_batch(services, old), commit_batch(services, new)
    page = client.get(address(old)).text
    for snapshot in (first, second):
        assert f"/snapshots/{snapshot.snapshot_id}" in page
    assert address(new) in page
    assert "later version" in text_of(page)
    assert "later version" not in text_of(client.get(address(new)).text)


@pytest.mark.slow
def test_long_turns_and_many_turns_are_read_in_parts(
    client: FlaskClient, services: Services
) -> None:
    long = make_received(0, "word & <tag> " * 80_000, "short")
    many = make_received(0, *(f"turn {number} " * 30 for number in range(400)))
    commit_batch(services, long, many)
    page = client.get(address(long))
    assert len(page.data) < 100_000
    assert "1,040,000 characters" in page.text
    part = client.get(address(long, "/turns/1?part=2"))
    assert (part.status_code, len(part.data) < 100_000) == (200, True)
    assert "part 2 of 87" in text_of(part.text)
    assert client.get(address(long, "/turns/1?part=88")).status_code == 404
    page = client.get(address(many))
    assert len(page.data) < 300_000
    following = re.search(r"\?turn=(\d+)", page.text)
    assert following
    assert f"turn {following[1]} " not in text_of(page.text)
    later = client.get(address(many, following[0])).text
    assert f"turn {int(following[1]) - 1} " in text_of(later)


def test_parts_that_are_not_there_are_told_from_parameters_that_do_not_fit(
    client: FlaskClient, services: Services
) -> None:
    made = make_received(0, "Hi", "Hello")
    commit_batch(services, made)
    missing = ("?turn=3", "?stage=cleaned", "/turns/0", "/turns/3", f"/turns/{'9' * 400}")
    unfit = (
        *("?turn=0", "?turn=1e9", "?turns=1", "?turn=99999999999999999999", "?stage=none"),
        *("/turns/1?part=0", "/turns/1?part=x"),
    )
    answers = {rest: client.get(address(made, rest)) for rest in (*missing, *unfit)}
    assert {rest: answer.status_code for rest, answer in answers.items()} == {
        **dict.fromkeys(missing, 404),
        **dict.fromkeys(unfit, 422),
    }
    assert {answer.mimetype for answer in answers.values()} == {PAGE}


# What became of it.


@pytest.mark.slow
def test_stages_tell_what_became_of_a_conversation(
    client: FlaskClient, built: dict[str, Contribution]
) -> None:
    kept, copy = built["kept"], built["copy"]
    said = text_of(client.get(address(kept)).text)
    assert "Kept. Language en (50.0% sure)." in said
    assert "Masked: secret 1." in said
    page = client.get(address(copy)).text
    assert "Left out as duplicate" in text_of(page)
    assert f'href="{address(kept)}">This one</a> was kept in its place' in page
    said = text_of(client.get(address(built["alone"])).text)
    assert "Left out as no_exchange : this stage leaves out conversations in which no turn" in said
    assert "Left out by cleaned already." in said
    assert "came after the newest build" in text_of(client.get(address(built["late"])).text)


@pytest.mark.slow
def test_a_duplicate_does_not_name_the_kept_one_while_that_is_hidden(
    client: FlaskClient, services: Services, built: dict[str, Contribution]
) -> None:
    kept, copy = built["kept"], built["copy"]
    hide(services, kept.contribution_id)
    for headers in ({}, bearer(OWNER)):
        page = client.get(address(copy), headers=headers).text
        assert "Left out as duplicate" in text_of(page)
        assert kept.contribution_id not in page
    moderator = {"Authorization": f"Bearer {services.access.keys.create('moderator', 'moderate')}"}
    assert kept.contribution_id in client.get(address(copy), headers=moderator).text


@pytest.mark.slow
def test_a_conversation_is_read_as_a_stage_has_it(
    client: FlaskClient, built: dict[str, Contribution]
) -> None:
    page = client.get(address(built["kept"], "?stage=cleaned"))
    assert page.status_code == 200
    assert "As it is in cleaned" in text_of(page.text)
    assert client.get(address(built["copy"], "?stage=curated")).status_code == 404


@pytest.mark.slow
def test_stages_that_need_a_key_are_shown_to_those_who_have_one(
    services: Services, built: dict[str, Contribution]
) -> None:
    key = {"Authorization": f"Bearer {services.access.keys.create('reader', 'read')}"}
    closed = Settings.at(services.settings.home, stage_access="keys")
    with opened_app(closed) as opened:
        client = opened.test_client()
        answer = client.get(address(built["kept"]))
        assert "stages of this lake need a key" in text_of(answer.text)
        assert "Masked" not in answer.text
        # The stages found out the language, too.
        assert "Language" not in text_of(answer.text)
        assert 'lang="en"' not in answer.text.split("<main", 1)[1]
        assert client.get(address(built["kept"], "?stage=cleaned")).status_code == 401
        assert "no duplicate" in client.get(address(built["kept"], "/neighbours")).text
        answer = client.get(address(built["kept"], "?stage=cleaned"), headers=key)
        assert (answer.status_code, answer.cache_control.private) == (200, True)
        assert "Masked" in client.get(address(built["kept"]), headers=key).text


@pytest.mark.slow
def test_neighbours_are_near_duplicates_and_places_on_maps(
    client: FlaskClient, services: Services, built: dict[str, Contribution]
) -> None:
    kept, copy = built["kept"], built["copy"]
    (batch, *_) = about_topics(90)
    column = ROW_SCHEMA.field(ID)
    names = pa.array([kept.contribution_id] * batch.num_rows, column.type)
    rows = batch.set_column(ROW_SCHEMA.names.index(ID), column, names)
    build_map(
        services.publishing.maps.store, "tides", SOURCE, [rows], MapParameters(embedding="tfidf")
    )
    page = client.get(address(kept, "/neighbours")).text
    assert address(copy) in page
    assert 'href="/maps/tides/"' in page
    page = client.get(address(copy, "/neighbours")).text
    assert "no duplicate" in page
    assert "on no map" in page
    hide(services, copy.contribution_id)
    assert address(copy) not in client.get(address(kept, "/neighbours")).text


# Who sees it.


@pytest.mark.slow
def test_what_is_hidden_is_shown_to_moderators_and_its_owner_alone(
    client: FlaskClient, services: Services
) -> None:
    key, other = new_contributor_key(), new_contributor_key()
    mine = make_received(0, "mine", contributor_id=services.access.ids.contributor_id(key))
    commit_batch(services, mine)
    moderator = services.access.keys.create("moderator-1", "moderate")
    hide(services, mine.contribution_id)
    for path in ("", "/turns/1"):
        assert client.get(address(mine, path)).status_code == 404
        assert client.get(address(mine, path), headers=bearer(other)).status_code == 404
        for allowed in (key, moderator):
            answer = client.get(address(mine, path), headers=bearer(allowed))
            assert answer.status_code == 200
    own = client.get(address(mine), headers=bearer(key))
    assert own.headers["Cache-Control"] == "private, no-store"
    assert "it is yours" in text_of(own.text)
    assert "Withdraw for good" in own.text
    assert "/v1/contributions/" not in own.text
    show(services, mine.contribution_id)
    assert "Withdraw" not in text_of(client.get(address(mine), headers=bearer(other)).text)


@pytest.mark.slow
def test_a_token_that_owns_nothing_reads_what_is_public_and_a_mistyped_key_is_told(
    client: FlaskClient, services: Services
) -> None:
    made = make_received(0, "Hi")
    commit_batch(services, made)
    assert client.get(address(made), headers=bearer("anonymous")).status_code == 200
    assert client.get(address(made), headers=bearer("clc_mistyped")).status_code == 422


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


# What can be done on it.


def test_a_report_is_taken_as_that_of_the_api(client: FlaskClient, services: Services) -> None:
    made = make_received(0, "Hi")
    commit_batch(services, made)
    form = {"reason": "spam", "comment": "It <b>sells</b>"}
    answer = client.post(address(made, "/report"), data=form)
    assert answer.status_code == 202
    assert '<p class="done">' in answer.text
    name = made.contribution_id
    (report,) = services.moderation.service.reports.of([name])[name]
    assert (report.reason, report.comment) == ("spam", "It <b>sells</b>")


def test_a_report_that_does_not_fit_is_refused(client: FlaskClient, services: Services) -> None:
    made = make_received(0, "Hi")
    commit_batch(services, made)
    forms: list[tuple[dict[str, Any], int]] = [
        ({}, 422),
        ({"reason": "none"}, 422),
        ({"reason": "spam", "other": "1"}, 422),
        ({"reason": "spam", "comment": "a" * 2_001}, 422),
        ({"reason": "spam", "comment": "a" * 300_000}, 413),
    ]
    for form, status in forms:
        answer = client.post(address(made, "/report"), data=form)
        assert (answer.status_code, answer.mimetype) == (status, PAGE), str(form)[:100]
    assert services.moderation.service.reports.of([made.contribution_id]) == {}


def test_what_is_hidden_cannot_be_reported(client: FlaskClient, services: Services) -> None:
    made = make_received(0, "Hi")
    commit_batch(services, made)
    hide(services, made.contribution_id)
    assert client.post(address(made, "/report"), data={"reason": "spam"}).status_code == 404


@pytest.mark.slow
def test_an_owner_withdraws_and_the_page_is_gone(client: FlaskClient, services: Services) -> None:
    key = new_contributor_key()
    mine = make_received(0, "mine", contributor_id=services.access.ids.contributor_id(key))
    commit_batch(services, mine)
    path = address(mine, "/withdraw")
    assert client.post(path).status_code == 401
    assert client.post(path, headers=bearer(new_contributor_key())).status_code == 404
    answer = client.post(path, data={"sure": "yes"}, headers=bearer(key))
    assert answer.status_code == 202
    assert "This is withdrawal 1;" in answer.text
    for rest in ("", "/turns/1"):
        gone = client.get(address(mine, rest), headers=bearer(key))
        assert (gone.status_code, gone.mimetype) == (410, PAGE)
        assert "was taken down" in gone.text
    assert services.access.takedowns.of("contribution", mine.contribution_id)


def test_what_never_was_is_not_found(client: FlaskClient) -> None:
    for name in (UUID(int=0), UUID(int=2**128 - 1)):
        for rest in ("", "/turns/1", "/neighbours"):
            assert client.get(f"/conversations/{name}{rest}").status_code == 404
