"""Sessions and single sign-on on a real API server: a tenant sends no Secret away, and a kill loses no key."""

import base64
import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import yaml

from apiserver.test_kills import assert_whole, at_every_write, declare, secret
from apiserver.world import World
from cluster import ApiServer
from support.rest import Manifest
from unit.wheelyard_operator.fakes import RSA_KEY
from wheelyard_operator.kubectl import commands
from wheelyard_operator.resource import END_SESSIONS_ANNOTATION

DEX = "https://dex.example.com"
ACCESS = "wheelyard-main-access"
OFF = "Until then, people log in to pages with a token or a password."


@pytest.fixture
def stage(new_world: Callable[[], World], monkeypatch: pytest.MonkeyPatch) -> Callable[[], World]:
    """Return what makes worlds whose platform team allows a provider, which answers."""

    def made() -> World:
        world = new_world()
        monkeypatch.setattr(world.cloud, "settings", replace(world.cloud.settings, allowed_issuers=(DEX,)))
        world.web = {
            f"{DEX}/.well-known/openid-configuration": {
                "issuer": DEX,
                "authorization_endpoint": f"{DEX}/auth",
                "token_endpoint": f"{DEX}/token",
                "jwks_uri": f"{DEX}/keys",
            },
            f"{DEX}/keys": {"keys": [RSA_KEY]},
        }
        world.boot()
        return world

    return made


def pages(issuer: str = DEX, **reference: str) -> Manifest:
    oidc = {
        "issuer": issuer,
        "clientId": "wheelyard",
        "clientSecretRef": {"name": "client", **reference},
        "groups": [{"provider": "platform-team", "group": "platform"}],
    }
    return {"web": {"oidc": oidc}, "external": {"url": "https://pypi.example.com"}}


def give(world: World, kind: str = "Opaque", annotations: Manifest | None = None, namespace: str = "") -> None:
    """Create the Secret with the client secret."""
    metadata = {"name": "client", "namespace": namespace or world.namespace, "annotations": annotations or {}}
    data = dict.fromkeys(("clientSecret", "token"), base64.b64encode(b"s3cret").decode())
    world.rest.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "data": data})


def served(world: World) -> Any:
    """Return the sessions file that the servers get."""
    return yaml.safe_load(secret(world, ACCESS, "sessions.yaml"))


def settled(world: World, **spec: Any) -> tuple[Any, Any]:
    """Return the condition of an index with this provider, and what its servers get."""
    declare(world, **spec)
    world.settle()
    conditions = {each["type"]: each for each in world.get("PackageIndex", "main")["status"]["conditions"]}
    assert conditions["Ready"]["status"] == "True", "only its own condition says so"
    return conditions["SingleSignOnReady"], served(world)


def test_people_sign_in_with_a_provider_that_is_allowed(stage: Callable[[], World]) -> None:
    world = stage()
    give(world)
    condition, sessions = settled(world, **pages())
    assert (condition["status"], condition["reason"]) == ("True", "Ready")
    assert "https://pypi.example.com/login/oidc/callback/" in condition["message"]
    assert (sessions["oidc"]["clientSecret"], sessions["oidc"]["tokenEndpoint"]) == ("s3cret", f"{DEX}/token")


@pytest.mark.parametrize(
    "issuer", ["https://dex.example.com/", "https://dex.example.com:8443", "https://a.example"]
)
def test_an_issuer_that_is_not_allowed_gets_nothing(stage: Callable[[], World], issuer: str) -> None:
    world = stage()
    give(world)
    condition, sessions = settled(world, **pages(issuer))
    assert (condition["status"], condition["reason"]) == ("False", "IssuerNotAllowed")
    assert (sessions.keys(), condition["message"].endswith(OFF)) == ({"keys"}, True)


def test_a_secret_of_another_namespace_cannot_be_named(stage: Callable[[], World]) -> None:
    world, other = stage(), stage()
    give(other)
    condition, sessions = settled(world, **pages())
    assert (condition["status"], condition["reason"]) == ("False", "SecretNotFound")
    assert f"in namespace {world.namespace} does not exist" in condition["message"]
    assert sessions.keys() == {"keys"}


@pytest.mark.parametrize(
    ("kind", "annotations"),
    [
        ("kubernetes.io/service-account-token", {"kubernetes.io/service-account.name": "default"}),
        ("bootstrap.kubernetes.io/token", {}),
        ("example.com/own", {}),
    ],
)
def test_a_secret_that_is_no_client_secret_is_not_sent(
    stage: Callable[[], World], kind: str, annotations: dict[str, str]
) -> None:
    """A tenant who may not read a service account's token must not have it sent to a provider."""
    world = stage()
    give(world, kind, annotations)
    condition, sessions = settled(world, **pages(key="token"))
    assert (condition["status"], condition["reason"]) == ("False", "SecretTypeNotAllowed")
    assert f"has the type {kind}:" in condition["message"]
    assert sessions.keys() == {"keys"}


def test_the_plugin_ends_all_sessions_once(stage: Callable[[], World], api: ApiServer) -> None:
    world = stage()
    give(world)
    _, before = settled(world, **pages())
    flags = ("-n", world.namespace, "--kubeconfig", str(api.kubeconfig))
    out, err = io.StringIO(), io.StringIO()
    assert commands.run(("sessions", "end", "main", *flags), out, err, {}) == 0, err.getvalue()
    world.settle()
    ended = served(world)
    assert ended["notBefore"] > "2030-01-01T00:00:00Z"
    assert ended["keys"] != before["keys"]
    (request,) = (
        value
        for name, value in world.get("PackageIndex", "main")["metadata"]["annotations"].items()
        if name == END_SESSIONS_ANNOTATION
    )
    for value in (None, request):  # as a GitOps tool that prunes it, and one that restores it
        world.change(world.index, {"metadata": {"annotations": {END_SESSIONS_ANNOTATION: value}}})
        world.settle()
        assert served(world) == ended


def test_a_kill_at_any_write_keeps_people_logged_in_and_ends_sessions_once(stage: Callable[[], World]) -> None:
    """The Secret has the key, the moment and the answered request in one write."""

    def kill(after: int) -> bool:
        world = stage()
        give(world)
        declare(world, **pages())
        killed = world.killed(after)
        world.settle()
        assert_whole(world, others=("client",))
        first = served(world)
        world.change(world.index, {"metadata": {"annotations": {END_SESSIONS_ANNOTATION: "1"}}})
        world.killed(1)
        world.settle()
        ended = served(world)
        assert (len(first["keys"]), len(ended["keys"]), "notBefore" in first) == (1, 1, False)
        assert ended["keys"] != first["keys"]
        world.boot()
        world.settle()
        assert served(world) == ended
        return killed

    at_every_write(kill, 25)
