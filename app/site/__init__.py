"""The public web pages: in `views`, and a folder of templates for each.

Pages are complete without JavaScript where they are read. Scripts add what needs a key, and draw
charts of tables.
"""

from dataclasses import dataclass
from typing import Final

from flask import Flask

from app.services import services_of
from app.site import assets, caching, errors, origins, policies
from app.site.rendering import formatting
from app.site.views import (
    contributors,
    conversations,
    docs,
    explore,
    guides,
    home,
    maps,
    me,
    moderating,
    releases,
    snapshots,
    sql,
    status,
    terms,
)
from app.version import VERSION

_PAGES: Final = (
    *(home, explore, conversations, releases, snapshots, sql, contributors),
    *(me, moderating, status, terms, guides, docs),
)
"""The modules of pages with the policy of most."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of every page's navigation.

    Attributes:
        name: What the entry says.
        endpoint: The view that it leads to.
    """

    name: str
    endpoint: str


_NAVIGATION: Final = (
    Entry("Explore", "explore.show"),
    Entry("Releases", "release_pages.show_all"),
    Entry("Snapshots", "snapshot_pages.show_all"),
    Entry("Maps", "maps.show_all"),
    Entry("SQL", "sql_pages.show"),
    Entry("Contributors", "contributor_pages.show_all"),
    Entry("Contribute", "me.show"),
)


def init_app(app: Flask) -> None:
    """Register the pages, and what their templates use."""
    names = frozenset(page.blueprint.name for page in _PAGES)
    formatting.init_app(app)
    settings = services_of(app).settings
    app.jinja_env.globals.update(
        asset_url=assets.asset_url,
        has_terms=settings.terms_file is not None,
        site_pages=_NAVIGATION,
        site_title=settings.site_title,
        chatlake_version=VERSION,
    )
    for page in (*_PAGES, maps, assets):
        app.register_blueprint(page.blueprint)
    policies.init_app(
        app,
        {
            **dict.fromkeys(names, policies.PAGE),
            maps.blueprint.name: policies.VIEWER,
            assets.blueprint.name: policies.PAGE,
        },
    )
    origins.init_app(app, names)
    # The last is the first to see an answer: policies and caching depend on whether it is a page.
    caching.init_app(app)
    files = {docs.blueprint.name, maps.blueprint.name}
    errors.init_app(app, names - files, partly=files)
