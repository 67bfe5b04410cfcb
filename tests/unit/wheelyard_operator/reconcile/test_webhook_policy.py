from typing import Any

import pytest

from unit.wheelyard_operator.fakes import condition, index_body, server_pod
from unit.wheelyard_operator.reconcile.world import World
from wheelyard_operator.desired.common import encoded
from wheelyard_operator.egress import EgressSettings, Host
from wheelyard_operator.policy_states import EventsAnswer

HOOK = {"url": "https://hooks.example.com/a", "secretRef": {"name": "signing"}}
ALLOWED = EgressSettings(webhook_hosts=(Host("", "*.example.com", ""),))
READY = {"conditions": [{"type": "Ready", "status": "True"}]}


def secret(**data: str) -> dict[str, Any]:
    metadata = {"name": "signing", "namespace": "packages"}
    return {"kind": "Secret", "metadata": metadata, "data": encoded(data)}


def start(world: World, egress: EgressSettings = ALLOWED, **changes: Any) -> str:
    """Return index.yaml of an index with a webhook."""
    world.boot(egress=egress)
    world.kube.put(index_body(spec={"webhook": {**HOOK, **changes}, "networkPolicy": {}}))
    world.settle()
    return str(world.get("ConfigMap", "wheelyard-main")["data"]["index.yaml"])


def found(world: World) -> tuple[str, str]:
    shown = condition(world.get("PackageIndex", "main"), "WebhookReady")
    return shown["status"], shown["reason"]


@pytest.mark.parametrize(
    ("egress", "changes", "reason"),
    [
        (EgressSettings(), {}, "HostNotAllowed"),
        (ALLOWED, {"url": "https://hooks.example.org/"}, "HostNotAllowed"),
        (ALLOWED, {"url": "http://hooks.example.com/"}, "HostNotAllowed"),
        (ALLOWED, {"url": "https://hooks.example.com:8443/"}, "HostNotAllowed"),
        (EgressSettings(allowed_hosts=ALLOWED.webhook_hosts), {}, "HostNotAllowed"),
        (ALLOWED, {"caBundle": "no certificate"}, "CABundleInvalid"),
    ],
)
def test_servers_get_no_webhook_that_is_not_allowed(
    world: World, egress: EgressSettings, changes: Any, reason: str
) -> None:
    """A host that may be asked for packages need not be one that may receive names of users."""
    world.kube.put(secret(secret="s" * 32))
    assert "webhook" not in start(world, egress, **changes)
    assert found(world) == ("False", reason)
    assert world.reason() == "Serving", "it needs an action, and serves"
    assert "webhook" not in str(world.get("Deployment", "wheelyard-main")["spec"]["template"])
    assert len(world.get("NetworkPolicy", "wheelyard-main")["spec"]["egress"]) == 2


@pytest.mark.parametrize(("data", "reason"), [(None, "SecretNotFound"), ({"token": "t"}, "SecretKeyMissing")])
def test_a_missing_secret_is_a_condition_and_blocks_no_pod(world: World, data: Any, reason: str) -> None:
    if data is not None:
        world.kube.put(secret(**data))
    assert "webhook" in start(world)
    assert found(world) == ("False", reason)
    volumes = world.get("Deployment", "wheelyard-main")["spec"]["template"]["spec"]["volumes"]
    (volume,) = (each["secret"] for each in volumes if each["name"] == "webhook")
    assert (volume["secretName"], volume["optional"]) == ("signing", True)
    assert [each["key"] for each in volume["items"]] == ["secret", "previous"]


def test_the_condition_follows_the_servers(world: World) -> None:
    world.kube.put(secret(secret="s" * 32))
    start(world)
    assert found(world) == ("Unknown", "NotKnown")
    for name in ("one", "two"):
        world.kube.put({**server_pod(name), "status": READY})
    world.answers = {"one": True, "two": True}
    world.events = {"one": EventsAnswer("", 0)}
    world.settle()
    assert found(world) == ("True", "Sending")
    world.events["two"] = EventsAnswer("The webhook answers 503", 86_400)
    world.settle()
    assert found(world) == ("False", "Failing")
    message = condition(world.get("PackageIndex", "main"), "WebhookReady")["message"]
    assert message.startswith("Events wait since 1970-01-02T00:00:00Z: The webhook answers 503. Mend")
    assert world.reason() == "Serving"


def test_pods_reach_the_receiver(world: World) -> None:
    world.kube.put(secret(secret="s" * 32))
    start(world)
    rules = world.get("NetworkPolicy", "wheelyard-main")["spec"]["egress"]
    assert any("except" in str(each.get("to")) and each["ports"][0]["port"] == 443 for each in rules)


def test_without_a_webhook_servers_are_not_asked_about_events(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.kube.put(index_body())
    world.kube.put({**server_pod("one"), "status": READY})
    world.answers = {"one": True}
    monkeypatch.setattr(world, "ask_events", lambda pod: pytest.fail(f"{pod} was asked"))
    world.settle()
    assert "WebhookReady" not in str(world.get("PackageIndex", "main")["status"])
