from typing import Any

import pytest

from unit.wheelyard_operator.fakes import condition, index_body, user_body
from unit.wheelyard_operator.reconcile.world import JENKINS, MAIN, World
from wheelyard_operator.desired.common import decoded
from wheelyard_operator.kube import ApiError
from wheelyard_operator.resource import Manifest

HOST = "pypi.example.com"
ROUTE: Manifest = {"parentRefs": [{"name": "public", "namespace": "gateways"}], "hostnames": [HOST]}
EVERYTHING: Manifest = {
    "ingress": {"host": HOST, "tls": {"secretName": "pypi-tls"}},
    "httpRoute": ROUTE,
    "networkPolicy": {"externalFrom": [{"namespaceSelector": {}}]},
    "autoscaling": {"maxReplicas": 5},
    "monitoring": {"serviceMonitor": {}},
}
KINDS = (
    "HTTPRoute",
    "HorizontalPodAutoscaler",
    "Ingress",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "ServiceMonitor",
)
NAME = "wheelyard-main"


def put(world: World, **spec: Any) -> None:
    """Have the index want this, and settle."""
    live = world.kube.get(*_place())
    body = index_body(spec=spec)
    body["metadata"]["finalizers"] = live["metadata"].get("finalizers", []) if live else []
    body["status"] = live.get("status", {}) if live else {}
    world.kube.put(body)
    world.settle()


def _place() -> tuple[str, str, str]:
    return MAIN.kind, MAIN.namespace, MAIN.name


def conditions(world: World) -> dict[str, tuple[str, str]]:
    found = world.get("PackageIndex", "main")["status"]["conditions"]
    return {each["type"]: (each["status"], each["reason"]) for each in found}


def answer(world: World, **condition: str) -> None:
    """Have the Gateway say something of the route as it is."""
    route = world.kube.objects["HTTPRoute", "packages", NAME]
    parent = {"group": "gateway.networking.k8s.io", "kind": "Gateway", **ROUTE["parentRefs"][0]}
    said = {**condition, "observedGeneration": route["metadata"]["generation"]}
    route["status"] = {"parents": [{"parentRef": parent, "conditions": [said]}]}


def accept(world: World) -> None:
    answer(world, type="Accepted", status="True", reason="Accepted")
    world.settle()


def test_optional_children_are_created_and_removed_again(world: World) -> None:
    put(world, **EVERYTHING)
    assert [kind for kind in KINDS if world.has(kind, NAME)] == list(KINDS)
    accept(world)
    assert conditions(world)["Ready"] == ("True", "Serving")
    put(world, replicas=1)
    assert not [kind for kind in KINDS if world.has(kind, NAME)]
    assert not {"Exposed", "Monitored"} & set(conditions(world))


def test_at_rest_nothing_is_written(world: World) -> None:
    put(world, **EVERYTHING)
    accept(world)
    world.kube.writes.clear()
    world.settle()
    assert world.kube.writes == []


@pytest.mark.parametrize("kind", KINDS)
def test_deleted_or_changed_objects_are_restored(world: World, kind: str) -> None:
    put(world, **EVERYTHING)
    before = world.get(kind, NAME)["spec"]
    del world.kube.objects[kind, "packages", NAME]
    world.settle()
    assert world.get(kind, NAME)["spec"] == before
    world.kube.objects[kind, "packages", NAME]["spec"] = {}
    world.settle()
    assert world.get(kind, NAME)["spec"] == before


def test_the_status_has_both_addresses(world: World) -> None:
    put(world, ingress=EVERYTHING["ingress"])
    status = world.get("PackageIndex", "main")["status"]
    assert status["url"] == f"https://{HOST}/"
    assert status["clusterURL"] == "http://wheelyard-main.packages.svc.cluster.local/"


def test_a_cluster_without_the_kinds_of_others(world: World) -> None:
    """Pods inside are served.

    The conditions say what is missing, and once it is there everything is well.
    """
    world.kube.absent_kinds = {"HTTPRoute", "ServiceMonitor"}
    put(world, httpRoute=ROUTE, monitoring={"serviceMonitor": {}})
    found = conditions(world)
    assert found["Available"] == ("True", "Serving")
    assert found["Exposed"] == found["Ready"] == ("False", "KindNotInstalled")
    assert found["Stalled"] == ("True", "KindNotInstalled")
    assert found["Monitored"] == ("False", "KindNotInstalled")
    assert "Gateway API" in condition(world.get("PackageIndex", "main"), "Exposed")["message"]
    world.kube.absent_kinds = set()
    world.settle()
    accept(world)
    found = conditions(world)
    assert found["Ready"] == ("True", "Serving")
    assert found["Monitored"] == ("True", "Applied")


def test_a_missing_prometheus_does_not_affect_readiness(world: World) -> None:
    world.kube.absent_kinds = {"ServiceMonitor"}
    put(world, monitoring={"serviceMonitor": {}})
    assert conditions(world)["Ready"] == ("True", "Serving")
    assert conditions(world)["Stalled"] == ("False", "Progressing")


def test_a_gateway_has_to_take_the_route(world: World) -> None:
    put(world, httpRoute=ROUTE)
    assert conditions(world)["Exposed"] == ("Unknown", "WaitingForGateway")
    assert conditions(world)["Reconciling"] == ("True", "WaitingForGateway")
    answer(world, type="Accepted", status="False", reason="NotAllowedByListeners", message="not from here")
    world.settle()
    assert conditions(world)["Ready"] == ("False", "RouteNotAccepted")
    assert "not from here" in condition(world.get("PackageIndex", "main"), "Exposed")["message"]
    accept(world)
    assert conditions(world)["Exposed"] == ("True", "Routed")
    put(world, httpRoute={**ROUTE, "hostnames": ["other.example.com"]})
    assert conditions(world)["Exposed"] == ("Unknown", "WaitingForGateway"), "what was accepted was another route"
    accept(world)
    answer(world, type="ResolvedRefs", status="False", reason="BackendNotFound", message="")
    world.settle()
    assert "BackendNotFound" in condition(world.get("PackageIndex", "main"), "Exposed")["message"]


@pytest.mark.parametrize(
    ("spec", "settings", "reason"),
    [
        ({"ingress": {"host": "login.example.com"}}, {"allowed_hosts": ("pypi.*",)}, "HostNotAllowed"),
        ({"httpRoute": {**ROUTE, "hostnames": ["a.b"]}}, {"allowed_hosts": ("pypi.*",)}, "HostNotAllowed"),
        ({"ingress": {"host": HOST, "annotations": {"x/configuration-snippet": ""}}}, {}, "AnnotationNotAllowed"),
        (
            {"ingress": {"host": HOST, "annotations": {"nginx.ingress.kubernetes.io/server-snippet": ""}}},
            {},
            "AnnotationNotAllowed",
        ),
    ],
)
def test_what_the_platform_team_does_not_allow(
    world: World, spec: Manifest, settings: Manifest, reason: str
) -> None:
    world.boot(**settings)
    put(world, **spec)
    assert conditions(world)["Exposed"] == ("False", reason)
    assert conditions(world)["Available"] == ("True", "Serving")
    assert not [kind for kind in KINDS if kind != "PodDisruptionBudget" and world.has(kind, NAME)]


def test_annotations_that_are_allowed(world: World) -> None:
    annotations = {"cert-manager.io/cluster-issuer": "a", "nginx.ingress.kubernetes.io/proxy-body-size": "0"}
    put(world, ingress={"host": HOST, "annotations": annotations})
    assert conditions(world)["Exposed"] == ("True", "Routed")
    assert annotations.items() <= world.get("Ingress", NAME)["metadata"]["annotations"].items()


def test_a_foreign_ingress_with_that_name_is_a_conflict(world: World) -> None:
    theirs = {"kind": "Ingress", "metadata": {"name": NAME, "namespace": "packages"}, "spec": {}}
    world.kube.put(theirs)
    put(world, ingress={"host": HOST})
    assert conditions(world)["Exposed"] == ("False", "NameConflict")
    assert conditions(world)["Available"] == ("True", "Serving")
    assert world.get("Ingress", NAME)["spec"] == {}


def test_an_outage_is_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    put(world)
    apply = world.kube.apply

    def failing(manifest: Manifest, *rest: str) -> Manifest:
        if manifest["kind"] == "Ingress":
            raise ApiError(503, "no")
        return apply(manifest, *rest)

    monkeypatch.setattr(world.kube, "apply", failing)
    with pytest.raises(ApiError):
        put(world, ingress={"host": HOST})


def replicas(world: World) -> int:
    count: int = world.get("Deployment", NAME)["spec"]["replicas"]
    return count


def test_the_autoscaler_s_number_is_never_set_back(world: World) -> None:
    put(world, replicas=3)
    put(world, replicas=3, autoscaling={"minReplicas": 2, "maxReplicas": 9})
    assert replicas(world) == 3, "the number stays"
    managers = [each["manager"] for each in _managers_of_replicas(world)]
    assert managers == ["wheelyard-ceded"]
    world.kube.objects["Deployment", "packages", NAME]["spec"]["replicas"] = 7  # as the autoscaler does
    world.kube.writes.clear()
    world.settle()
    assert replicas(world) == 7
    assert not [each for each in world.kube.writes if "Deployment" in each]
    put(world, replicas=3, autoscaling={"minReplicas": 2, "maxReplicas": 9}, limits={"projectFiles": 5})
    assert replicas(world) == 7
    put(world, replicas=3)
    assert replicas(world) == 3


def _managers_of_replicas(world: World) -> list[Manifest]:
    managers = world.get("Deployment", NAME)["metadata"]["managedFields"]
    return [each for each in managers if "f:replicas" in each["fieldsV1"].get("f:spec", {})]


def test_a_new_index_begins_with_the_fewest(world: World) -> None:
    put(world, replicas=1, autoscaling={"minReplicas": 3, "maxReplicas": 9})
    assert replicas(world) == 3
    assert world.has("PodDisruptionBudget", NAME)


def test_a_user_with_the_external_address_gets_it(world: World) -> None:
    put(world, ingress=EVERYTHING["ingress"])
    world.kube.put(user_body(credentials={"listener": "External"}))
    world.settle(MAIN, JENKINS)
    assert world.reason(JENKINS) == "LoginInForce"
    secret = world.get("Secret", "jenkins-pypi")
    assert decoded(secret, "TWINE_REPOSITORY_URL") == f"https://{HOST}/legacy/"
    assert world.get("IndexUser", "jenkins")["status"]["url"] == f"https://{HOST}/"
    world.kube.put(user_body("inside"))
    inside = JENKINS._replace(name="inside")
    world.settle(MAIN, inside)
    assert "wheelyard-main.packages.svc" in decoded(world.get("Secret", "inside-pypi"), "UV_PUBLISH_URL")


def test_a_user_outside_of_an_index_that_is_not_reached_from_there(world: World) -> None:
    put(world)
    world.kube.put(user_body(credentials={"listener": "External"}))
    world.settle(MAIN, JENKINS)
    assert world.reason(JENKINS) == "NotExposed"
    assert not world.has("Secret", "jenkins-pypi")
