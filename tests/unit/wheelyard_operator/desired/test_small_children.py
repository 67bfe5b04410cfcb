"""The children that are a few lines each."""

from dataclasses import replace

from unit.wheelyard_operator.fakes import SETTINGS, an_index
from wheelyard_operator.desired.access_file import unpacked
from wheelyard_operator.desired.access_secret import access_secret
from wheelyard_operator.desired.common import decoded, selector_labels
from wheelyard_operator.desired.configmap import configmap
from wheelyard_operator.desired.horizontalpodautoscaler import horizontalpodautoscaler
from wheelyard_operator.desired.poddisruptionbudget import poddisruptionbudget
from wheelyard_operator.desired.service import service
from wheelyard_operator.desired.serviceaccount import serviceaccount
from wheelyard_operator.desired.servicemonitor import servicemonitor
from wheelyard_operator.desired.volumeclaim import volumeclaim
from wheelyard_operator.resource import VolumeStorage


def test_the_access_secret_has_the_access_file() -> None:
    secret = access_secret(an_index(), '{"users":[]}', "")
    assert secret["metadata"]["name"] == "wheelyard-main-access"
    assert unpacked(secret) == '{"users":[]}'
    assert "minting-key" not in secret["data"]
    assert decoded(access_secret(an_index(), "", "key"), "minting-key") == "key"


def test_the_configmap_has_index_yaml() -> None:
    assert configmap(an_index(), "index: x")["data"] == {"index.yaml": "index: x"}


def test_service_selects_the_pods() -> None:
    spec = service(an_index())["spec"]
    assert spec["selector"] == selector_labels(an_index())
    assert [(each["name"], each["port"]) for each in spec["ports"]] == [
        ("http", 80),
        ("external", 8081),
        ("metrics", 9090),
    ]


def test_serviceaccount_has_no_token() -> None:
    assert serviceaccount(an_index(), SETTINGS)["automountServiceAccountToken"] is False


def test_a_cloud_role_is_annotated_on_the_serviceaccount() -> None:
    arn = {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/packages"}
    index = an_index(s3__provision={}, s3__credentials={"serviceAccount": {"annotations": arn}})
    assert serviceaccount(index, SETTINGS)["metadata"]["annotations"] == arn
    assert "annotations" not in serviceaccount(an_index(), SETTINGS)["metadata"]
    nothing_allowed = replace(SETTINGS, allowed_annotations=())
    assert serviceaccount(index, nothing_allowed)["metadata"]["annotations"] == {}


def test_a_volume_claim_follows_the_spec_and_the_deletion_policy() -> None:
    storage = {"volume": {"size": "20Gi", "storageClassName": "fast"}}
    kept, gone = an_index(storage=storage), an_index(storage=storage, deletion_policy="Delete")
    assert isinstance(kept.storage, VolumeStorage)
    claim = volumeclaim(kept, kept.storage)
    assert claim["metadata"]["ownerReferences"] == [], "the garbage collector must not take it"
    assert claim["spec"]["storageClassName"] == "fast"
    assert claim["spec"]["resources"] == {"requests": {"storage": "20Gi"}}
    assert volumeclaim(gone, kept.storage)["metadata"]["ownerReferences"][0]["uid"] == gone.meta.uid
    assert "storageClassName" not in volumeclaim(kept, VolumeStorage("1Gi", ""))["spec"], "the cluster's default"


def test_budget_only_where_it_would_not_block_every_drain() -> None:
    budget = poddisruptionbudget(an_index(replicas=2))
    assert budget
    assert budget["spec"]["maxUnavailable"] == 1
    assert poddisruptionbudget(an_index(replicas=1)) is None
    assert poddisruptionbudget(an_index(replicas=0)) is None
    busy = {"autoscaling": {"minReplicas": 2, "maxReplicas": 5}}
    assert poddisruptionbudget(an_index(replicas=1, spec=busy)), "replicas counts for nothing then"


def test_an_autoscaler_follows_the_spec() -> None:
    assert horizontalpodautoscaler(an_index()) is None
    wish = {"minReplicas": 3, "maxReplicas": 9, "targetCPUUtilizationPercentage": 70}
    scaler = horizontalpodautoscaler(an_index(spec={"autoscaling": wish}))
    assert scaler
    assert scaler["spec"]["scaleTargetRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "wheelyard-main",
    }
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (3, 9)
    (metric,) = scaler["spec"]["metrics"]
    assert metric["resource"] == {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}


def test_servicemonitor_finds_the_service() -> None:
    assert servicemonitor(an_index()) is None
    wish = {"labels": {"release": "prometheus", "wheelyard.dev/index": "other"}, "interval": "1m"}
    monitor = servicemonitor(an_index(spec={"monitoring": {"serviceMonitor": wish}}))
    assert monitor
    found = service(an_index())
    assert monitor["spec"]["selector"]["matchLabels"].items() <= found["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] in {each["name"] for each in found["spec"]["ports"]}
    assert (endpoint["path"], endpoint["interval"]) == ("/metrics", "1m")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["metadata"]["labels"]["wheelyard.dev/index"] == "main", "by which it is found again"
