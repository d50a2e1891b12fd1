"""All pages of the site in one table, and the lakes that have them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Final, Literal, NoReturn

import pytest
from flask import Flask
from werkzeug.serving import make_server

from app.access.contributors.keys import new_contributor_key
from app.access.roles import Role
from app.api.guards import WorkerBusy
from app.curation.pipeline import runner
from app.curation.pipeline.runner import Runner
from app.maps.build import build_map
from app.maps.description import MapParameters
from app.releases.publications import HubPublication
from app.services import Services, services_of
from app.settings import Settings
from catalog.records import AlternativeTurn, Attachment, Client, Contribution, ToolCall, Turn
from tests.app.curation.build import stages_of
from tests.app.curation.watched_rules import TEST_RULES
from tests.app.maps.rows import SOURCE, about_topics
from tests.app.releases.factories import make_recipe
from tests.factories import commit_batch, make_received

Reader = Literal["visitor", "contributor", "moderator", "operator"]
Lake = Literal["filled", "empty", "closed"]

LONG: Final = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
RICH: Final = (
    Turn("Be *kind*, and careful. " * 60, "system"),
    Turn("# Why\n\nis the sky blue?\u202e <b>", "user"),
    Turn(
        "```python\nprint(1)  # one\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> " + LONG,
        "assistant",
        "positive",
        edited_content="Rayleigh scattering.",
        reasoning="It scatters.",
        tool_calls=(ToolCall("call-1", "look_up", '{"of": "sky"}'),),
        model="sky-1",
        alternatives=((AlternativeTurn("Another *answer*", "assistant", model="sky-2"),),),
    ),
    Turn("blue", "tool", tool_call_id="call-1", name="look_up"),
    Turn("שלום عليكم " * 20, "user", attachments=(Attachment("image", "image/png", "s.png"),)),
)
WORDS: Final = """\
# What we are for

A lake of conversations for *open* models, run by nobody in particular.

## What happens to them
They are cleaned, and released each month.
"""


@dataclass(frozen=True, slots=True)
class SitePage:
    """A page of the site.

    Attributes:
        address: The path that is asked for; names in braces stand for what differs between lakes.
        reader: With whose key it is opened.
        status: The status of the answer that its address has without a key.
        lake: The lake that it is a page of.
        is_like_another: Whether it has the template of another page in the table, and is looked at
            with `--every-form` only.
    """

    address: str
    reader: Reader = "visitor"
    status: int = 200
    lake: Lake = "filled"
    is_like_another: bool = False

    def __str__(self) -> str:
        return f"{self.lake} {self.reader} {self.address}".replace("[", "(").replace("]", ")")

    @property
    def needs_key(self) -> bool:
        """Whether the page is there for holders of a key only."""
        return self.reader != "visitor"


@dataclass(frozen=True, slots=True)
class Site:
    """A lake whose pages are served.

    Attributes:
        url: The address of the service.
        names: What stands for the names in the addresses of pages.
        keys: The keys by who has them.
    """

    url: str
    names: Mapping[str, str]
    keys: Mapping[str, str]


PAGES: Final = (
    SitePage("/"),
    SitePage("/terms"),
    SitePage("/explore"),
    SitePage("/explore?q=sky&rating=positive", is_like_another=True),
    SitePage("/explore?q=sky&label=a&label=b&stage=raw", is_like_another=True),
    SitePage("/explore?source=nobody", is_like_another=True),
    SitePage("/explore?day=yesterday&min_turns=many&nonsense=1", status=422),
    SitePage("/explore?stage=curated", is_like_another=True),
    SitePage("/explore/facets?q=sky"),
    SitePage("/conversations/{own}"),
    SitePage("/conversations/{kept}?stage=cleaned"),
    SitePage("/conversations/{own}/turns/1"),
    SitePage("/conversations/{kept}/neighbours"),
    SitePage("/conversations/{own}", "contributor"),
    SitePage("/conversations/{gone}", status=410),
    SitePage("/conversations/{nowhere}", status=404, is_like_another=True),
    SitePage("/releases"),
    SitePage("/releases/first"),
    SitePage("/releases/first/rows", is_like_another=True),
    SitePage("/releases/first/diff/second"),
    SitePage("/releases/gated", status=401, is_like_another=True),
    SitePage("/releases/gated", "operator", status=401, is_like_another=True),
    SitePage("/snapshots"),
    SitePage("/snapshots/{snapshot}"),
    SitePage("/snapshots/{first_snapshot}/diff/{snapshot}"),
    SitePage("/maps/"),
    SitePage("/contributors"),
    SitePage("/sql"),
    SitePage(
        "/sql?q=SELECT+role,+count(*)+AS+turns+FROM+turns+GROUP+BY+role", is_like_another=True
    ),
    SitePage("/sql?q=SELECT+range+AS+n,+range*2+AS+twice+FROM+range(9)"),
    SitePage("/sql?q=SELECT+nope", status=422),
    SitePage("/me"),
    SitePage("/me", "contributor"),
    SitePage("/me", "moderator", is_like_another=True),
    SitePage("/moderation", status=401),
    SitePage("/moderation", "moderator", 401),
    SitePage("/moderation/{reported}", "moderator", 401),
    SitePage("/moderation/bans", "moderator", 401),
    SitePage("/moderation/log", "moderator", 401),
    SitePage("/status", "operator", 401),
    SitePage("/guides"),
    SitePage("/guides/contributors"),
    SitePage("/nonesuch", status=404),
    SitePage("/", lake="empty"),
    SitePage("/explore", lake="empty", is_like_another=True),
    SitePage("/releases", lake="empty", is_like_another=True),
    SitePage("/snapshots", lake="empty", is_like_another=True),
    SitePage("/maps/", lake="empty", is_like_another=True),
    SitePage("/contributors", lake="empty", is_like_another=True),
    SitePage("/me", "contributor", lake="empty", is_like_another=True),
    SitePage("/moderation", "moderator", 401, "empty", is_like_another=True),
    SitePage("/sql", status=429, lake="empty", is_like_another=True),
    SitePage("/terms", status=500, lake="empty"),
    SitePage("/", lake="closed"),
    SitePage("/explore", status=404, lake="closed", is_like_another=True),
    SitePage("/explore?stage=raw", "operator", 401, "closed", is_like_another=True),
    SitePage("/maps/", lake="closed", is_like_another=True),
    SitePage("/maps/first/", status=401, lake="closed"),
    SitePage("/me", lake="closed", is_like_another=True),
)
"""All pages but the viewer of maps and the documentation of the API, which aren't ours."""


@contextmanager
def opened_site(app: Flask, lake: Lake) -> Iterator[Site]:
    """Fill a lake, and serve it by a thread of this process for the block.

    Args:
        app: The application of an empty lake, with the settings of `settings_of`.
        lake: The lake that it becomes.
    """
    with app.app_context():
        fill = {"filled": _fill, "empty": _break, "closed": _close}[lake]
        site = fill(services_of(app), app)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Site(f"http://127.0.0.1:{server.server_port}", *site)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def settings_of(settings: Settings, lake: Lake) -> Settings:
    """Return the settings of a lake that differ from those of other lakes in the tests."""
    home = settings.home
    if lake == "filled":
        (home / "words.md").write_text(WORDS, encoding="utf-8")
        files = dict.fromkeys(("site_file", "terms_file"), home / "words.md")
        # A busy machine starts the process of a query slowly.
        words = {"terms_version": "2026-11", "site_title": "The test lake"}
        return Settings.at(home, sql_timeout_s=30, **words, **files)
    if lake == "empty":
        return Settings.at(home, terms_file=home / "none.md")
    return Settings.at(home, raw_access="keys", ingest_access="keys", site_title=LONG)


_Filled = tuple[Mapping[str, str], Mapping[str, str]]


def _fill(services: Services, _app: Flask) -> _Filled:
    keys = _keys(services)
    mine = services.access.ids.contributor_id(keys["contributor"])
    known = {
        "source": "an-app",
        "attribution": "Ada",
        "client": Client("Chat", "2"),
        "labels": {"topic": LONG},
        "tools": '[{"name": "look_up"}]',
    }
    own = make_received(0, conversation=RICH, title="The sky", contributor_id=mine, **known)
    kept = make_received(0, "SECRET tides", "they follow it twice a day", attribution="Eve")
    reported = make_received(1, "Buy this now", "No", contributor_id="e" * 32)
    gone = make_received(1, "Something private", contributor_id=mine)
    first = commit_batch(services, own, kept, reported)
    services.publishing.releases.build(make_recipe("first"), first)
    copy = make_received(2, "SECRET tides", "they follow it twice a day")
    snapshot = commit_batch(services, copy, gone)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(runner, "start", lambda _: Runner(processes=1))
        stages_of(services, TEST_RULES).build("curated", snapshot)
    services.takedown.withdrawals.withdraw(mine, gone.contribution_id)
    for name in ("second", "gated"):
        services.publishing.releases.build(make_recipe(name), snapshot)
    services.access.gates.close("release", "gated", "read")
    _publish(services, "first")
    _moderate(services, reported)
    _map(services)
    names = {
        "own": own.contribution_id,
        "kept": kept.contribution_id,
        "reported": reported.contribution_id,
        "gone": gone.contribution_id,
        "nowhere": "00000000-0000-7000-8000-000000000000",
        "snapshot": str(snapshot.snapshot_id),
        "first_snapshot": str(first.snapshot_id),
    }
    return names, keys


def _break(services: Services, app: Flask) -> _Filled:
    """Leave a lake empty, and let two of its pages fail."""

    def fail() -> NoReturn:
        raise RuntimeError("a mistake of ours")

    def refuse() -> NoReturn:
        raise WorkerBusy("max_reads", 1)

    app.view_functions["terms.show"] = fail
    app.view_functions["sql_pages.show"] = refuse
    return {}, _keys(services)


def _close(services: Services, _app: Flask) -> _Filled:
    snapshot = commit_batch(services, make_received(0, "Hidden", "words"))
    services.publishing.releases.build(make_recipe("first"), snapshot)
    _map(services)
    return {}, _keys(services)


def _keys(services: Services) -> dict[str, str]:
    roles: dict[str, Role] = {"moderator": "moderate", "operator": "operate"}
    keys = {reader: services.access.keys.create(reader, role) for reader, role in roles.items()}
    return {**keys, "contributor": new_contributor_key()}


def _publish(services: Services, release: str) -> None:
    published = HubPublication(
        repository="an-org/chats",
        release=release,
        hub_url="https://huggingface.co",
        access="gated",
        revision=1,
        commit_id="3f1c",
    )
    services.publishing.releases.publications.begin(published)
    services.publishing.releases.publications.complete(published)


def _moderate(services: Services, reported: Contribution) -> None:
    name = reported.contribution_id
    services.moderation.service.report(name, "spam", f"It sells <b>{LONG}</b>", "1" * 32)
    services.reading.quarantine.add([name], "hand", "moderator", "by mail")
    services.reading.quarantine.approve(name, "moderator", "harmless after all")
    services.moderation.service.report(name, "abusive", "", "2" * 32)
    services.access.bans.ban(["b" * 32], actor="moderator", reason=LONG)


def _map(services: Services) -> None:
    parameters = MapParameters(embedding="tfidf")
    build_map(services.publishing.maps.store, "first", SOURCE, about_topics(9), parameters)
