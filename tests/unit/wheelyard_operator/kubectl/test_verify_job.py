from typing import Any

import pytest

from unit.wheelyard_operator.fakes import SETTINGS, an_index, own_credentials
from wheelyard_operator.desired.common import selector_labels
from wheelyard_operator.desired.deployment import deployment
from wheelyard_operator.kubectl.verify_job import verify_job
from wheelyard_operator.resource import INDEX_LABEL, Manifest, PackageIndex

VOLUME: dict[str, Any] = {"storage": {"volume": {"size": "20Gi"}}}


def servers(index: PackageIndex) -> Manifest:
    return deployment(index, SETTINGS, config_digest="c", credentials_digest="k")


def job(index: PackageIndex, live: Manifest | None = None, *options: str) -> Manifest:
    return verify_job(index, live or servers(index), "abc123", options)


def pod(body: Manifest) -> Any:
    return body["spec"]["template"]["spec"]


@pytest.mark.parametrize("changes", [{}, own_credentials(), VOLUME], ids=["made", "given", "volume"])
def test_the_pod_has_the_permissions_and_settings_of_an_index_server(changes: dict[str, Any]) -> None:
    index = an_index(**changes)
    its, theirs = pod(job(index)), pod(servers(index))
    for field in ("securityContext", "serviceAccountName", "automountServiceAccountToken", "shareProcessNamespace"):
        assert its[field] == theirs[field]
    (container,), (server,) = its["containers"], theirs["containers"]
    for field in ("image", "imagePullPolicy", "env", "resources", "securityContext"):
        assert container[field] == server[field]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert its["securityContext"]["runAsNonRoot"]
    assert container["command"] == ["wheelyard", "verify", "--config", "/etc/wheelyard/config/index.yaml"]


def test_options_are_passed_to_the_command() -> None:
    assert pod(job(an_index(), None, "--quick", "--json"))["containers"][0]["command"][-2:] == ["--quick", "--json"]


def test_the_pod_mounts_the_configuration_but_neither_the_access_file_nor_a_cache() -> None:
    its = pod(job(an_index()))
    assert [each["name"] for each in its["volumes"]] == ["config", "tmp"]
    assert [each["name"] for each in its["containers"][0]["volumeMounts"]] == ["config", "tmp"]


def test_a_volume_is_mounted_read_only_on_the_servers_node() -> None:
    index = an_index(**VOLUME)
    its = pod(job(index))
    (data,) = (each for each in its["containers"][0]["volumeMounts"] if each["name"] == "data")
    assert data["readOnly"] is True
    (preferred,) = its["affinity"]["podAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert preferred["podAffinityTerm"]["labelSelector"]["matchLabels"] == selector_labels(index)
    assert "affinity" not in pod(job(an_index()))


def test_containers_that_others_injected_into_the_servers_are_left_out() -> None:
    index = an_index()
    live = servers(index)
    pod(live)["containers"].insert(0, {"name": "proxy", "image": "proxy", "volumeMounts": []})
    pod(live)["volumes"].append({"name": "proxy", "emptyDir": {}})
    pod(live)["imagePullSecrets"] = [{"name": "pull"}]
    its = pod(job(index, live))
    assert [each["name"] for each in its["containers"]] == ["verify"]
    assert "proxy" not in [each["name"] for each in its["volumes"]]
    assert its["imagePullSecrets"] == [{"name": "pull"}], "without it the image cannot be pulled"


def test_neither_the_service_nor_the_operator_takes_the_pod_for_a_server() -> None:
    index = an_index()
    body = job(index)
    labels = body["spec"]["template"]["metadata"]["labels"]
    assert not selector_labels(index).items() <= labels.items()
    assert INDEX_LABEL not in labels
    assert INDEX_LABEL not in body["metadata"]["labels"]


def test_the_job_runs_once_and_expires() -> None:
    body = job(an_index())
    assert body["spec"]["backoffLimit"] == 0
    assert body["spec"]["ttlSecondsAfterFinished"] == 3600
    assert pod(body)["restartPolicy"] == "Never"
    (owner,) = body["metadata"]["ownerReferences"]
    assert owner["uid"] == "uid-of-main"


@pytest.mark.parametrize("length", [4, 40, 60])
def test_the_job_name_is_short_and_unique(length: int) -> None:
    name = job(an_index("a" * length))["metadata"]["name"]
    assert len(name) <= 63
    assert name.endswith("-abc123")
