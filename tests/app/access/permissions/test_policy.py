from typing import Any

import pytest

from app.access.permissions.gates import Gates
from app.access.permissions.policy import Policy
from app.access.roles import OPEN
from app.services import Services
from app.settings import Settings

READ = frozenset({"read"})


def make_policy(services: Services, **settings: Any) -> Policy:
    return Policy(Settings.at("nowhere", **settings), Gates(services.database))


def test_everything_is_open_by_default(shared_services: Services) -> None:
    policy = make_policy(shared_services)
    stages = [policy.stage(stage) for stage in ("raw", "cleaned", "curated")]
    released = [policy.release("a", is_raw=True), policy.map("a", "raw", "a")]
    assert {policy.ingest, policy.raw, policy.catalog, *stages, *released} == {OPEN}


def test_each_setting_closes_its_own(shared_services: Services) -> None:
    assert make_policy(shared_services, ingest_access="keys").ingest == {"ingest"}
    raw = make_policy(shared_services, raw_access="keys")
    assert (raw.ingest, raw.raw, raw.stage("raw"), raw.stage("curated")) == (OPEN, READ, READ, OPEN)
    stage = make_policy(shared_services, stage_access="keys")
    assert (stage.raw, stage.stage("cleaned"), stage.stage("curated")) == (OPEN, READ, READ)


def test_engines_attach_as_long_as_one_table_is_open(shared_services: Services) -> None:
    catalogs = {
        (raw, stage): make_policy(shared_services, raw_access=raw, stage_access=stage).catalog
        for raw in ("open", "keys")
        for stage in ("open", "keys")
    }
    assert [pair for pair, needed in catalogs.items() if needed] == [("keys", "keys")]


@pytest.mark.parametrize(("is_raw", "needed"), [(True, READ), (False, OPEN)])
def test_a_raw_release_is_as_closed_as_the_raw_table_and_others_are_published(
    shared_services: Services, is_raw: bool, needed: frozenset[str]
) -> None:
    policy = make_policy(shared_services, raw_access="keys", stage_access="keys")
    assert policy.release("a", is_raw=is_raw) == needed


def test_a_gate_closes_a_release_and_its_maps(services: Services) -> None:
    services.access.gates.close("release", "first", "moderate")
    policy = make_policy(services)
    assert policy.release("first", is_raw=False) == {"moderate"}
    assert policy.map("first-curated", "curated", "first") == {"moderate"}
    assert policy.map("other", "curated", "other") == policy.release("other", is_raw=True) == OPEN


def test_a_map_needs_what_its_stage_its_release_and_its_gate_need(services: Services) -> None:
    services.access.gates.close("release", "first", "moderate")
    services.access.gates.close("map", "first-raw", "operate")
    policy = make_policy(services, raw_access="keys")
    assert policy.map("first-raw", "raw", "first") == {"read", "moderate", "operate"}
    assert policy.map("first-curated", "curated", None) == OPEN
