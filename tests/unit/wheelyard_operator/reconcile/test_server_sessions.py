"""sessions.yaml of an index, and the condition SingleSignOnReady."""

import base64
import copy
import json
from typing import Any

import pytest
import yaml

from support.tls import certificate_of_an_authority
from unit.wheelyard_operator.fakes import RSA_KEY, FakeKube, condition, index_body, server_pod
from unit.wheelyard_operator.reconcile.world import MAIN, World
from wheelyard_operator.desired.access_file import unpacked
from wheelyard_operator.desired.common import decoded, encoded
from wheelyard_operator.desired.sessions import digest_of
from wheelyard_operator.policy_states import FileState
from wheelyard_operator.resource import END_SESSIONS_ANNOTATION, Manifest

DEX = "https://dex.example.com"
DISCOVERY = f"{DEX}/.well-known/openid-configuration"
OIDC: Manifest = {
    "issuer": DEX,
    "clientId": "wheelyard",
    "clientSecretRef": {"name": "dex"},
    "scopes": ["openid", "groups"],
    "groups": [{"provider": "platform-team", "group": "platform"}],
}
INGRESS: Manifest = {"ingress": {"host": "pypi.example.com", "tls": {}}}
OFF = "Until then, people log in to pages with a token or a password."


@pytest.fixture
def world(world: World) -> World:
    """Return the world with a provider that the platform team allows."""
    world.boot(allowed_issuers=(DEX,))
    world.web = {
        DISCOVERY: {
            "issuer": DEX,
            "authorization_endpoint": f"{DEX}/auth",
            "token_endpoint": f"{DEX}:5556/token",
            "jwks_uri": f"{DEX}/keys",
        },
        f"{DEX}/keys": {"keys": [RSA_KEY]},
    }
    world.kube.put(secret(clientSecret="s3cret\n"))
    return world


def secret(its_type: str = "Opaque", **data: str) -> Manifest:
    metadata = {"name": "dex", "namespace": "packages"}
    return {"kind": "Secret", "metadata": metadata, "type": its_type, "data": encoded(data)}


def declare(world: World, web: Any = None, **spec: Any) -> Any:
    """Apply an index with these pages, and return what its servers get."""
    world.kube.put(index_body(spec={"web": {"oidc": OIDC} if web is None else web, **INGRESS, **spec}))
    world.settle()
    return served(world)


def text(world: World) -> str:
    return decoded(world.get("Secret", "wheelyard-main-access"), "sessions.yaml")


def served(world: World) -> Any:
    return yaml.safe_load(text(world))


def found(world: World) -> tuple[str, str, str]:
    shown = condition(world.get("PackageIndex", "main"), "SingleSignOnReady")
    return shown["status"], shown["reason"], shown["message"]


def test_every_index_gets_a_key_that_stays(world: World) -> None:
    """Also after a restart: people stay logged in."""
    first = declare(world, {})
    (key,) = first.pop("keys")
    assert (len(base64.urlsafe_b64decode(key)), first) == (32, {})
    world.boot()
    world.settle()
    assert served(world) == {"keys": [key]}
    assert "SingleSignOnReady" not in str(world.get("PackageIndex", "main")["status"])


def test_an_index_of_an_earlier_operator_gets_a_key_and_no_new_pod(world: World) -> None:
    """With `indexServers.image`, its servers may be older than the operator."""
    declare(world, {})
    earlier = world.kube.objects["Secret", "packages", "wheelyard-main-access"]
    for key in ("sessions.yaml", "wheelyard.json"):
        del earlier["data"][key]
    objects = (("Deployment", "spec"), ("ConfigMap", "data"))
    before = [copy.deepcopy(world.get(kind, "wheelyard-main")[part]) for kind, part in objects]
    world.boot()
    world.settle()
    assert served(world).keys() == {"keys"}
    assert [world.get(kind, "wheelyard-main")[part] for kind, part in objects] == before
    assert "sessions" not in before[1]["index.yaml"]


def test_an_index_without_pages_has_no_sessions_and_asks_no_provider(world: World) -> None:
    declare(world)
    world.bundles.clear()
    declare(world, {"enabled": False, "oidc": OIDC})
    assert not {"sessions.yaml", "wheelyard.json"} & set(world.get("Secret", "wheelyard-main-access")["data"])
    assert "SingleSignOnReady" not in str(world.get("PackageIndex", "main")["status"])
    assert world.bundles == []


def test_servers_get_the_provider(world: World) -> None:
    assert declare(world)["oidc"] == {
        "issuer": DEX,
        "clientId": "wheelyard",
        "clientSecret": "s3cret",
        "authorizationEndpoint": f"{DEX}/auth",
        "tokenEndpoint": f"{DEX}:5556/token",
        "keys": [RSA_KEY],
        "scopes": ["openid", "groups"],
        "groupsClaim": "groups",
        "groups": [{"provider": "platform-team", "group": "platform"}],
    }
    status, reason, message = found(world)
    assert (status, reason) == ("True", "Ready")
    assert "https://pypi.example.com/login/oidc/callback/" in message


@pytest.mark.parametrize(
    ("given", "reason", "parts"),
    [
        (None, "SecretNotFound", ("Secret dex in namespace packages does not exist", "clientSecret")),
        (secret(other="x"), "SecretKeyMissing", ("Secret dex in namespace packages has no clientSecret",)),
        (secret(clientSecret=" \n"), "SecretKeyMissing", ("has no clientSecret",)),
        (secret(clientSecret="a\tb"), "ClientSecretInvalid", ("1 to 2048 printable ASCII characters",)),
        (secret(clientSecret="a" * 2049), "ClientSecretInvalid", ("copy it again",)),
        (
            secret("kubernetes.io/service-account-token", clientSecret="x"),
            "SecretTypeNotAllowed",
            ("has the type kubernetes.io/service-account-token", "of type Opaque"),
        ),
    ],
)
def test_without_a_client_secret_people_log_in_by_form(
    world: World, given: Manifest | None, reason: str, parts: tuple[str, ...]
) -> None:
    del world.kube.objects["Secret", "packages", "dex"]
    if given:
        world.kube.put(given)
    assert declare(world).keys() == {"keys"}
    status, its_reason, message = found(world)
    assert (status, its_reason) == ("False", reason)
    assert message.endswith(OFF)
    assert [part for part in parts if part not in message] == []
    assert world.reason() == "Serving", "it needs an action, and serves"
    assert world.bundles == [], "the provider is not asked"


def test_a_client_secret_that_comes_later_is_used(world: World) -> None:
    del world.kube.objects["Secret", "packages", "dex"]
    declare(world)
    world.kube.put(secret(clientSecret="later"))
    world.settle()
    assert served(world)["oidc"]["clientSecret"] == "later"
    assert found(world)[:2] == ("True", "Ready")


def test_an_issuer_that_is_not_allowed_is_never_asked(world: World) -> None:
    before = declare(world)
    world.boot(allowed_issuers=("https://other.example.com", f"{DEX}/"))
    world.bundles.clear()
    world.settle()
    assert served(world) == {"keys": before["keys"]}, "a withdrawn consent ends it"
    status, reason, message = found(world)
    assert (status, reason) == ("False", "IssuerNotAllowed")
    assert message == (
        f"Indexes may not use {DEX}: have it added to oidc.allowedIssuers of the operator's Helm chart. {OFF}"
    )
    assert world.bundles == []


def test_a_provider_that_is_down_keeps_its_endpoints_and_keys(world: World) -> None:
    before = declare(world)
    world.web = {}
    world.boot()
    world.settle()
    assert served(world) == before
    status, reason, message = found(world)
    assert (status, reason) == ("False", "ProviderUnavailable")
    assert f"{DISCOVERY} cannot be reached. Mend" in message
    assert message.endswith("Its last known endpoints and keys stay in use.")


def test_a_provider_that_was_never_reached_is_off_until_it_answers(world: World) -> None:
    pages, world.web = world.web, {}
    assert declare(world).keys() == {"keys"}
    assert found(world)[1] == "ProviderUnavailable"
    assert found(world)[2].endswith(OFF)
    world.web = pages
    world.settle()
    assert served(world)["oidc"]["issuer"] == DEX
    assert found(world)[1] == "Ready"


def test_what_is_known_of_another_provider_is_not_used(world: World) -> None:
    declare(world)
    other = "https://keycloak.example.com"
    world.boot(allowed_issuers=(DEX, other))
    assert declare(world, {"oidc": {**OIDC, "issuer": other}}).keys() == {"keys"}


@pytest.mark.parametrize("change", [{"token_endpoint": "http://a.example/"}, {"keys": []}, {"keys": "x"}])
def test_a_record_that_others_have_changed_is_not_used(world: World, change: Manifest) -> None:
    declare(world)
    live = world.kube.objects["Secret", "packages", "wheelyard-main-access"]
    record = json.loads(decoded(live, "wheelyard.json"))
    live["data"] |= encoded(
        {"wheelyard.json": json.dumps({**record, "provider": {**record["provider"], **change}})}
    )
    world.web = {}
    world.boot()
    world.settle()
    assert served(world).keys() == {"keys"}


def test_new_keys_of_the_provider_reach_the_servers(world: World) -> None:
    declare(world)
    world.kube.put(server_pod())
    world.settle()
    before = world.get("Pod", "p")["metadata"]["annotations"]["wheelyard.dev/access"]
    template = world.get("Deployment", "wheelyard-main")["spec"]["template"]
    world.web[f"{DEX}/keys"] = {"keys": [{**RSA_KEY, "kid": "two"}]}
    world.settle()
    assert [each["kid"] for each in served(world)["oidc"]["keys"]] == ["two"]
    assert world.get("Pod", "p")["metadata"]["annotations"]["wheelyard.dev/access"] != before
    assert world.get("Deployment", "wheelyard-main")["spec"]["template"] == template, "no pod is replaced"


def test_the_condition_follows_the_servers(world: World) -> None:
    declare(world)
    world.kube.put({**server_pod("one"), "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
    world.answers = {"one": True}
    for state, reason, after in (
        (None, "ServersTooOld", None),
        (FileState("earlier", True, ""), "Updating", 3.0),
        (FileState("earlier", False, "no"), "SessionsFileRefused", None),
        (FileState(digest_of(text(world)), True, ""), "Ready", None),
    ):
        world.sessions_files = {"one": state} if state else {}
        (outcome,) = world.look()
        assert (found(world)[1], outcome.after) == (reason, after)


def test_a_settled_index_is_not_written_again(world: World) -> None:
    declare(world)
    writes = len(world.kube.writes)
    world.settle()
    assert world.kube.writes[writes:] == []


def test_authorities_of_the_index_and_of_the_chart_count_for_servers(world: World) -> None:
    own, company = certificate_of_an_authority(), certificate_of_an_authority()
    world.boot(ca_bundle=company)
    assert declare(world, {"oidc": {**OIDC, "caBundle": own}})["oidc"]["caBundle"] == f"{company}\n{own}"
    assert set(world.bundles) == {own}, "the operator adds the chart's itself"
    bad = declare(world, {"oidc": {**OIDC, "caBundle": "no certificate"}})
    assert bad.keys() == {"keys"}
    assert found(world)[:2] == ("False", "CABundleInvalid")


def test_each_request_ends_all_sessions_once(world: World) -> None:
    (key,) = declare(world)["keys"]
    request(world.kube, "2026-11-23T12:00:00+00:00")
    world.settle()
    ended = served(world)
    assert ended["notBefore"] > "2026-11-23T12:00:00Z"
    assert ended["keys"] != [key]
    assert ended["oidc"]["issuer"] == DEX
    for value in (None, "2026-11-23T12:00:00+00:00"):
        request(world.kube, value)
        world.settle()
        assert served(world) == ended


def request(kube: FakeKube, value: str | None) -> None:
    kube.patch(*MAIN, {"metadata": {"annotations": {END_SESSIONS_ANNOTATION: value}}})


def test_pods_reach_the_token_endpoint_alone(world: World) -> None:
    declare(world, networkPolicy={"externalFrom": [{"namespaceSelector": {}}]})
    rules = world.get("NetworkPolicy", "wheelyard-main")["spec"]["egress"]
    ports = [each["ports"] for each in rules if "except" in str(each.get("to"))]
    assert ports == [[{"protocol": "TCP", "port": 5556}]], "browsers go to the other endpoint"


def test_the_largest_provider_leaves_room_in_the_secret(world: World) -> None:
    """The schema and the operator bound all parts: with every bound reached, a Secret has room for users."""
    long = "\U0001d518" * 250
    groups = [{"provider": f"{number:03}{long}", "group": "g" * 63} for number in range(100)]
    keys = [{**RSA_KEY, "kid": f"{number:03}{'k' * 497}", "n": "A" * 1366, "e": "A" * 1366} for number in range(99)]
    world.web[f"{DEX}/keys"] = {"keys": keys}
    declare(
        world, {"oidc": {**OIDC, "groups": groups, "scopes": ["openid", *(f"{n:02}{'s' * 98}" for n in range(19))]}}
    )
    live = world.get("Secret", "wheelyard-main-access")
    size = sum(len(base64.b64decode(value)) for value in live["data"].values())
    assert 200_000 < size < 700_000
    assert unpacked(live)
