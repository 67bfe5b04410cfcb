"""Policies on a real API server: a tenant gets no more than the index and the platform team allow."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from apiserver.test_kills import assert_whole, at_every_write, declare
from apiserver.world import World
from cluster import ApiServer
from support.rest import RefusedError
from wheelyard_operator.policy_minimum import PolicyMinimum
from wheelyard_operator.resource import EXCEPTION, Key, Manifest
from wheelyard_operator.times import later, rfc3339

DAY = 86_400
MINIMUM = PolicyMinimum(3 * DAY, "Block", 30 * DAY, frozenset({"malware"}))
PYPI = {"name": "pypi", "pypi": {}}
EXCEPTION_SPEC = {"packages": ["urllib3"], "from": ["cooldown"], "reason": "SEC-412"}
CONFIGMAP = "wheelyard-main-policy"


@pytest.fixture
def stage(new_world: Callable[[], World], monkeypatch: pytest.MonkeyPatch) -> Callable[[], World]:
    """Return what makes worlds with the minimum of a platform team.

    Their clocks begin now: the time of a PackageException begins with its creation.
    """

    def made() -> World:
        world = new_world()
        monkeypatch.setattr(world.cloud, "settings", replace(world.cloud.settings, policy_minimum=MINIMUM))
        world.now = rfc3339(datetime.now(UTC))
        world.boot()
        return world

    return made


def policy(world: World) -> Any:
    """Return the policy that the servers get."""
    return yaml.safe_load(world.get("ConfigMap", CONFIGMAP)["data"]["policy.yaml"])["policy"]


def ask(world: World, name: str = "urllib3", namespace: str = "", rules: str = "cooldown", **spec: Any) -> Key:
    """Create a PackageException as a tenant does."""
    namespace = namespace or world.namespace
    reference = {"name": "main", "namespace": world.namespace}
    default = {"indexRef": reference, "until": later(world.now, 20 * DAY)}
    world.rest.create(
        {
            "apiVersion": "wheelyard.dev/v1",
            "kind": EXCEPTION,
            "metadata": {"name": name, "namespace": namespace},
            "spec": {**default, **EXCEPTION_SPEC, "from": [rules], **spec},
        }
    )
    return Key(EXCEPTION, namespace, name)


def accepted(world: World, key: Key) -> tuple[str, str]:
    world.reconcile(key)
    conditions = world.rest.get(EXCEPTION, key.namespace, key.name)["status"]["conditions"]
    (found,) = (each for each in conditions if each["type"] == "Accepted")
    return found["status"], found["reason"]


def consent(world: World, **changes: Any) -> Manifest:
    default = {"namespaces": [world.namespace], "rules": ["cooldown"], "maximum": "3650d"}
    return {"exceptionsFrom": [{**default, **changes}]}


def condition(world: World, kind: str) -> Manifest:
    conditions = world.get("PackageIndex", "main")["status"]["conditions"]
    (found,) = (each for each in conditions if each["type"] == kind)
    return dict(found)


@pytest.mark.parametrize(
    "asked",
    [
        {"cooldown": {"action": "Off"}, "malware": {"action": "Off"}},
        {"cooldown": {"action": "Report", "age": "30d"}, "malware": {"action": "Report"}},
        {"cooldown": {"age": "0s"}, "malware": {"action": "Off", "requireFeed": False}},
    ],
)
def test_a_tenant_that_asks_for_less_gets_the_minimum(stage: Callable[[], World], asked: Manifest) -> None:
    world = stage()
    declare(world, upstreams=[PYPI], policy=asked)
    world.settle()
    served = policy(world)
    assert (served["cooldown"]["action"], served["cooldown"]["age"]) == ("Block", "3d")
    assert served["malware"]["action"] == "Block"
    assert condition(world, "Ready")["status"] == "True"


def test_a_tenant_cannot_except_what_the_platform_team_keeps(stage: Callable[[], World]) -> None:
    world = stage()
    forever = {**EXCEPTION_SPEC, "until": "2099-12-31"}
    asked = {"exceptions": [forever, {**forever, "packages": ["*"], "from": ["malware"]}]}
    declare(world, upstreams=[PYPI], policy={**asked, **consent(world, rules=["cooldown", "malware"])})
    latest = later(world.now, 31 * DAY)
    long = ask(world, until="2099-12-31")
    banned = ask(world, "malware", rules="malware")
    world.settle()
    served = policy(world)["exceptions"]
    assert {tuple(each["from"]) for each in served} == {("cooldown",)}
    assert max(each["until"] for each in served) < latest
    assert accepted(world, banned) == ("False", "RuleNotAllowed")
    world.reconcile(long)
    assert world.get(EXCEPTION, "urllib3")["status"]["until"] < latest
    assert condition(world, "ExceptionsCurrent")["reason"] == "BeyondMinimum"


def test_exceptions_of_another_namespace_need_consent_and_never_reach_another_index(
    stage: Callable[[], World],
) -> None:
    world, other = stage(), stage()
    declare(world, upstreams=[PYPI], policy=consent(world))
    declare(other, upstreams=[PYPI], policy=consent(other, namespaces=[world.namespace]))
    uninvited = ask(world, namespace=other.namespace)
    invited = ask(world)
    world.settle()
    other.settle()
    assert [each["source"] for each in policy(world)["exceptions"]] == [f"{world.namespace}/urllib3"]
    assert policy(other)["exceptions"] == []
    assert accepted(world, uninvited) == ("False", "NotConsented")
    assert accepted(world, invited) == ("True", "InForce")


def test_an_exception_of_an_index_that_does_not_exist_says_so_and_ends(stage: Callable[[], World]) -> None:
    world = stage()
    until = later(world.now, DAY)
    key = ask(world, until=until)
    assert accepted(world, key) == ("False", "IndexNotFound")
    declare(world, upstreams=[PYPI], policy=consent(world))
    world.settle()
    assert accepted(world, key) == ("True", "InForce")
    world.now = until
    assert accepted(world, key) == ("False", "Ended")
    world.settle()
    assert policy(world)["exceptions"] == []
    assert world.get(EXCEPTION, "urllib3")["spec"]["until"] == until


def test_a_tenant_cannot_accept_its_own_exception(stage: Callable[[], World]) -> None:
    """The status is a subresource: a write to the resource does not change it."""
    world = stage()
    key = ask(world)
    done = {
        "type": "Accepted",
        "status": "True",
        "reason": "InForce",
        "message": "",
        "lastTransitionTime": world.now,
    }
    world.rest.merge(world.get(EXCEPTION, "urllib3"), {"status": {"until": "2099-01-01", "conditions": [done]}})
    assert "conditions" not in world.get(EXCEPTION, "urllib3").get("status", {})
    with pytest.raises(RefusedError):
        world.rest.merge(world.get(EXCEPTION, "urllib3"), {"spec": {"indexRef": {"namespace": "elsewhere"}}})
    assert accepted(world, key) == ("False", "IndexNotFound")


def test_kubectl_shows_what_waits_to_end(stage: Callable[[], World], api: ApiServer) -> None:
    world = stage()
    declare(world, upstreams=[PYPI], policy=consent(world))
    until = later(world.now, DAY)
    world.reconcile(ask(world, versions="==2.6.1", packages=["urllib3", "requests"], until=until))
    world.settle()
    header, row = api.kubectl("-n", world.namespace, "get", "packageexceptions").stdout.splitlines()
    assert header.split() == [
        "NAME",
        "INDEX",
        "PACKAGES",
        "VERSIONS",
        "RULES",
        "UNTIL",
        "ACCEPTED",
        "REASON",
        "AGE",
    ]
    packages, rules = '["urllib3","requests"]', '["cooldown"]'
    expected = ["urllib3", "main", packages, "==2.6.1", rules, until, "True", "InForce"]
    assert row.split()[:-1] == expected
    wide = api.kubectl("-n", world.namespace, "get", "packageindex", "-o", "wide").stdout.splitlines()
    assert {"EXCEPTIONS", "NEXT"} <= set(wide[0].split())
    assert until in wide[1]


def test_a_kill_at_any_write_ends_with_the_policy_in_place(stage: Callable[[], World]) -> None:
    def kill(after: int) -> bool:
        world = stage()
        declare(world, upstreams=[PYPI], policy={**consent(world), "cooldown": {"age": "9d"}})
        ask(world)
        killed = world.killed(after)
        world.settle()
        assert_whole(world, others=())
        assert policy(world)["cooldown"]["age"] == "9d"
        assert len(policy(world)["exceptions"]) == 1
        return killed

    at_every_write(kill, 25)
