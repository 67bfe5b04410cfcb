"""Upstreams on a real API server: a tenant gets nothing of another team's, and a kill loses no token."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import yaml

from apiserver.test_kills import assert_whole, at_every_write, declare, secret
from apiserver.world import World
from wheelyard_operator.egress import EgressSettings
from wheelyard_operator.resource import Manifest
from wheelyard_operator.settings import Settings

TOKENS = "wheelyard-main-upstreams"
ROLE = "arn:aws:iam::111122223333:role/wheelyard-{namespace}"
ALLOWED = "pypi,*.public.example,{namespace}.pypi.example"
DOMAIN = {"domain": "acme", "domainOwner": "111122223333", "region": "eu-west-1"}
PYPI = {"name": "pypi", "pypi": {}}


def allowing(settings: Settings) -> Settings:
    variables = {"WHEELYARD_UPSTREAM_HOSTS": ALLOWED, "WHEELYARD_UPSTREAM_ROLES": ROLE}
    return replace(settings, egress=EgressSettings.from_environment(variables))


@pytest.fixture
def stage(new_world: Callable[[], World], monkeypatch: pytest.MonkeyPatch) -> Callable[[], World]:
    """Return what makes worlds whose platform team allows some hosts, and a role for each namespace."""

    def made() -> World:
        world = new_world()
        monkeypatch.setattr(world.cloud, "settings", allowing(world.cloud.settings))
        world.boot()
        return world

    return made


def artifact(role: str = "", host: str = "a.public.example", **domain: str) -> Manifest:
    body = {**DOMAIN, **domain, "roleARN": role}
    return {"name": "partner", "url": f"https://{host}/simple/", "credentials": {"codeArtifact": body}}


def plain(url: str, secret_name: str = "") -> Manifest:
    login = {"credentials": {"secretRef": {"name": secret_name}}} if secret_name else {}
    return {"name": "partner", "url": url, "packages": ["partner-*"], **login}


def settled(world: World, *upstreams: Manifest) -> tuple[Any, Any]:
    """Return the condition of an index with these upstreams, and what its servers get."""
    declare(world, upstreams=list(upstreams))
    world.settle()
    conditions = {each["type"]: each for each in world.get("PackageIndex", "main")["status"]["conditions"]}
    # Only its condition says so: the index serves.
    assert conditions["Ready"]["status"] == "True"
    return conditions["UpstreamsReady"], yaml.safe_load(
        world.get("ConfigMap", "wheelyard-main")["data"]["index.yaml"]
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://team-b.pypi.example/simple/",
        "https://kubernetes.default.svc/",
        "http://a.public.example/simple/",
        "https://a.public.example:6443/",
        "https://169.254.169.254/latest/",
        "https://pypi/simple/",
    ],
)
def test_a_host_that_is_not_the_tenants_is_never_asked(stage: Callable[[], World], url: str) -> None:
    condition, served = settled(stage(), plain(url), PYPI)
    assert (condition["status"], condition["reason"]) == ("False", "HostNotAllowed")
    assert served["egress"]["allowedHosts"] == ["pypi"]
    assert [(each["name"], each.get("offline", False)) for each in served["upstreams"]] == [
        ("partner", True),
        ("pypi", False),
    ]


def test_the_tenants_own_host_is_allowed(stage: Callable[[], World]) -> None:
    world = stage()
    host = f"{world.namespace}.pypi.example"
    _, served = settled(world, plain(f"https://{host}/simple/"))
    assert served["egress"]["allowedHosts"] == [host]
    assert "offline" not in served["upstreams"][0]


def test_a_role_of_another_team_is_never_assumed(stage: Callable[[], World]) -> None:
    world = stage()
    world.code_artifact.refuses = False
    condition, _ = settled(world, artifact(ROLE.replace("{namespace}", "team-b")))
    assert (condition["status"], condition["reason"]) == ("False", "RoleNotAllowed")
    assert world.code_artifact.asked == []
    assert TOKENS not in world.names("Secret")


def test_a_domain_of_another_team_is_asked_for_with_the_tenants_rights_alone(stage: Callable[[], World]) -> None:
    world = stage()
    role = ROLE.replace("{namespace}", world.namespace)
    world.code_artifact.may_read = {("acme", f"{role} team-b/main"), ("acme", "the operator")}
    condition, _ = settled(world, artifact(role))
    assert (condition["status"], condition["reason"]) == ("False", "TokenRefused")
    assert {reader for _, reader in world.code_artifact.asked} == {f"{role} {world.namespace}/main"}
    assert "partner.password" not in world.get("Secret", TOKENS)["data"]


def test_a_secret_of_another_namespace_cannot_be_named(stage: Callable[[], World]) -> None:
    """A Secret of the same name is looked for in the tenant's namespace, and pods mount no other."""
    world = stage()
    condition, _ = settled(world, plain("https://a.public.example/", "bootstrap-token"))
    assert (condition["status"], condition["reason"]) == ("False", "SecretNotFound")
    assert f"in namespace {world.namespace}" in condition["message"]
    volumes = world.get("Deployment", "wheelyard-main")["spec"]["template"]["spec"]["volumes"]
    (mounted,) = (each for each in volumes if each["name"] == "upstreams")
    assert [source["secret"]["name"] for source in mounted["projected"]["sources"]] == ["bootstrap-token"]


@pytest.mark.parametrize(
    ("kind", "annotations", "is_allowed"),
    [
        ("kubernetes.io/service-account-token", {"kubernetes.io/service-account.name": "default"}, False),
        ("bootstrap.kubernetes.io/token", {}, False),
        ("example.com/own", {}, False),
        ("kubernetes.io/basic-auth", {}, True),
        ("kubernetes.io/tls", {}, True),
        ("Opaque", {}, True),
    ],
)
def test_a_secret_that_is_no_login_is_neither_mounted_nor_sent(
    stage: Callable[[], World], kind: str, annotations: dict[str, str], *, is_allowed: bool
) -> None:
    """A tenant who may not read a service account's token must not have it sent to a host."""
    world = stage()
    login = dict.fromkeys(("username", "password", "token", "tls.crt", "tls.key"), "eA==")
    metadata = {"name": "login", "namespace": world.namespace, "annotations": annotations}
    world.rest.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "data": login})
    condition, served = settled(world, plain("https://a.public.example/", "login"), PYPI)
    volumes = world.get("Deployment", "wheelyard-main")["spec"]["template"]["spec"]["volumes"]
    assert any(each["name"] == "upstreams" for each in volumes) is is_allowed
    assert served["upstreams"][0].get("offline", False) is not is_allowed
    assert (condition["reason"] == "SecretTypeNotAllowed") is not is_allowed
    if not is_allowed:
        assert (condition["status"], f"has the type {kind}," in condition["message"]) == ("False", True)


def test_a_kill_at_any_write_ends_with_one_token(stage: Callable[[], World]) -> None:
    def kill(after: int) -> bool:
        world = stage()
        world.code_artifact.refuses = False
        declare(world, upstreams=[artifact(ROLE.replace("{namespace}", world.namespace)), PYPI])
        killed = world.killed(after)
        world.settle()
        assert_whole(world, others=(TOKENS,))
        assert secret(world, TOKENS, "partner.username") == "aws"
        assert len(world.code_artifact.asked) <= 2
        return killed

    at_every_write(kill, 25)
