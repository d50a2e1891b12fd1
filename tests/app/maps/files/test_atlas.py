import json
from typing import Any

from app.maps.files.atlas import encode_metadata
from app.maps.files.folder import MAP_SCHEMA
from tests.app.maps.rows import SOURCE


def props() -> dict[str, Any]:
    """Return what the viewer is told of a map without clusters."""
    told: dict[str, Any] = json.loads(encode_metadata(SOURCE, MAP_SCHEMA.names, []))["props"]
    return told


def test_the_viewer_is_told_of_columns_that_points_have() -> None:
    told = props()
    charts = told["defaultChartsConfig"]
    named = {
        *(told["data"]["id"], told["data"]["text"], *told["data"]["projection"].values()),
        *charts["embedding"]["data"].values(),
        *charts["table"]["columns"],
        *charts["exclude"],
        *charts["override"],
        *told["initialState"]["columnStyles"],
    }
    assert named == {*MAP_SCHEMA.names}


def test_words_of_strangers_are_shown_as_text() -> None:
    styles = props()["initialState"]["columnStyles"]
    shown_as_text = {
        name
        for name, style in styles.items()
        if "| escape" in style.get("options", {}).get("template", "")
    }
    assert shown_as_text == {"contribution_id", "conversation", "model", "source", "agent_id"}
    assert styles["roles"] == {"display": "hidden"}


def test_points_lead_to_contributions_in_the_snapshot_of_the_map() -> None:
    template = props()["initialState"]["columnStyles"]["contribution_id"]["options"]["template"]
    assert 'href="../../v1/contributions/{{ value | url_encode }}?snapshot_id=7"' in template
