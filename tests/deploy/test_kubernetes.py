from typing import Any, Final

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from app import create_app
from app.settings import Settings
from tests.deploy.files import REPOSITORY, image_environment

FOLDER: Final = REPOSITORY / "deploy" / "kubernetes"
OLDEST, NEWEST = "1.29", "1.37"
"""The versions of Kubernetes that the manifests are checked against."""
KUSTOMIZATION: Final = "kustomization.yaml"
FILES: Final = sorted(path.name for path in FOLDER.glob("*.yaml") if path.name != KUSTOMIZATION)
_SECRETS: Final = ("DATABASE_URL", "CATALOG_URI", "SECRET", "ACCESS_KEY", "TOKEN")


def read(name: str) -> Any:
    return YAML(typ="safe").load((FOLDER / name).read_text())


def node() -> dict[str, Any]:
    """Return the specification of a node's pod."""
    specification: dict[str, Any] = read("nodes.yaml")["spec"]["template"]["spec"]
    return specification


def container() -> dict[str, Any]:
    (only,) = node()["containers"]
    found: dict[str, Any] = only
    return found


@pytest.mark.slow
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("name", FILES)
def test_a_manifest_fits_the_schema_of_kubernetes(name: str, version: str) -> None:
    kubernetes_validate.validate(read(name), version, strict=True)


def test_every_manifest_but_the_example_is_applied() -> None:
    assert {*read(KUSTOMIZATION)["resources"]} == {*FILES} - {"secret.example.yaml"}


def test_every_variable_is_a_setting_and_no_secret_is_written_out() -> None:
    public, secret = read("settings.yaml")["data"], read("secret.example.yaml")["stringData"]
    settings = Settings.from_environment(
        {
            **public,
            **dict.fromkeys(secret, "made-up"),
            "CHATLAKE_DATABASE_URL": "postgresql+psycopg://user@db/lake",
            "CHATLAKE_CATALOG_URI": "postgresql+psycopg://user@db/lake",
            "CHATLAKE_HOME": image_environment()["CHATLAKE_HOME"],
        }
    )
    assert settings.answers_metrics
    assert set(secret.values()) == {""}
    assert not [name for name in public if any(word in name for word in _SECRETS)]


def test_a_node_has_time_to_stop() -> None:
    timeout_s = int(read("settings.yaml")["data"]["CHATLAKE_SHUTDOWN_TIMEOUT_S"])
    _, pause_s = container()["lifecycle"]["preStop"]["exec"]["command"]
    assert node()["terminationGracePeriodSeconds"] > int(pause_s) + 2 * timeout_s


def test_a_node_can_gain_no_rights_and_writes_to_its_volumes_only() -> None:
    security = container()["securityContext"]
    assert security["readOnlyRootFilesystem"]
    assert not security["allowPrivilegeEscalation"]
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert node()["securityContext"]["runAsNonRoot"]
    assert not node()["automountServiceAccountToken"]
    mounted = {mount["mountPath"] for mount in container()["volumeMounts"]}
    assert {image_environment()["CHATLAKE_HOME"], "/tmp", "/dev/shm"} <= mounted  # noqa: S108


def test_probes_ask_for_routes_that_need_no_key(settings: Settings) -> None:
    rules = {rule.rule for rule in create_app(settings).url_map.iter_rules()}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container()[probe]["httpGet"]["path"] in rules
    assert container()["livenessProbe"]["httpGet"]["path"] == "/v1/health/"


def test_a_drained_machine_leaves_a_quorum_of_nodes() -> None:
    replicas = read("nodes.yaml")["spec"]["replicas"]
    assert 0 < read("disruption.yaml")["spec"]["minAvailable"] < replicas
