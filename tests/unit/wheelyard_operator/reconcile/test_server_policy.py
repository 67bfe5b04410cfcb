"""The policy file of an index: what is in it, and what a tenant cannot get into it."""

import json
from dataclasses import replace
from typing import Any

import pytest
import yaml

from unit.wheelyard_operator.fakes import NOW, condition, exception_body, index_body, server_pod
from unit.wheelyard_operator.reconcile.world import MAIN, URLLIB3, World
from wheelyard_operator.desired import policy_file
from wheelyard_operator.desired.common import content_digest
from wheelyard_operator.desired.policy_file import digest_of
from wheelyard_operator.kube import ApiError
from wheelyard_operator.policy_minimum import PolicyMinimum
from wheelyard_operator.policy_states import FileState, PolicyAnswer, QuarantineState
from wheelyard_operator.resource import Manifest

CONFIGMAP = "wheelyard-main-policy"
PYPI = {"upstreams": [{"name": "pypi", "pypi": {}}]}
CONSENT = {"namespaces": ["ci"], "packages": ["urllib3"], "rules": ["cooldown"]}
EXCEPTION = {"packages": ["torch"], "from": ["cooldown"], "until": "2027-12-15", "reason": "SEC-1"}
READY = {"conditions": [{"type": "Ready", "status": "True"}]}


def text(world: World) -> str:
    return str(world.get("ConfigMap", CONFIGMAP)["data"]["policy.yaml"])


def policy(world: World) -> Any:
    return yaml.safe_load(text(world))["policy"]


def answer(revision: str, error: str = "") -> PolicyAnswer:
    return PolicyAnswer(FileState(revision, not error, error), None, QuarantineState(0, ()))


def consenting(**more: Any) -> Manifest:
    return index_body(spec={**PYPI, "policy": {"exceptionsFrom": [CONSENT], **more}})


def template(world: World) -> Manifest:
    found: Manifest = world.get("Deployment", "wheelyard-main")["spec"]["template"]
    return found


def messages(world: World, reason: str) -> list[str]:
    return [each["message"] for each in world.kube.events if each["reason"] == reason]


@pytest.mark.parametrize("spec", [PYPI, {"policy": {}}])
def test_an_index_with_upstreams_or_a_policy_has_a_policy_file(world: World, spec: Manifest) -> None:
    world.kube.put(index_body(spec=spec))
    world.settle()
    assert yaml.safe_load(text(world)) == {"names": {"private": []}, "policy": {"exceptions": []}}
    served = yaml.safe_load(world.get("ConfigMap", "wheelyard-main")["data"]["index.yaml"])
    assert served["policyFile"] == "/etc/wheelyard/policy/policy.yaml"
    assert "names" not in served


def test_another_index_has_none(world: World) -> None:
    world.kube.put(index_body(spec={"names": {"private": ["acme-*"]}}))
    world.settle()
    assert not world.has("ConfigMap", CONFIGMAP)
    served = yaml.safe_load(world.get("ConfigMap", "wheelyard-main")["data"]["index.yaml"])
    assert ("policyFile" in served, served["names"]) == (False, {"private": ["acme-*"]})
    assert "PolicyInForce" not in str(world.get("PackageIndex", "main")["status"])


def test_a_change_of_the_policy_replaces_no_pod_and_is_synced_at_once(world: World) -> None:
    world.kube.put(index_body(spec=PYPI))
    world.settle()
    before = template(world)
    world.kube.put({**server_pod("one"), "status": READY})
    spec = {
        **PYPI,
        "names": {"private": ["acme-*"]},
        "policy": {"cooldown": {"age": "3d"}, "exceptions": [EXCEPTION]},
    }
    world.kube.put(index_body(spec=spec))
    world.settle()
    assert template(world) == before
    assert policy(world)["cooldown"] == {"age": "3d"}
    annotations = world.get("Pod", "one")["metadata"]["annotations"]
    assert annotations["wheelyard.dev/policy"] == digest_of(text(world))


def test_the_condition_follows_the_servers(world: World) -> None:
    world.kube.put(index_body(spec=PYPI))
    world.settle()
    for name in ("one", "two"):
        world.kube.put({**server_pod(name), "status": READY})
    world.answers = {"one": True, "two": True}
    current = digest_of(text(world))
    for policies, reason, after in (
        ({}, "NotKnown", None),
        ({"one": answer(current)}, "NotKnown", None),
        ({"one": answer(current), "two": answer("old")}, "Updating", 3.0),
        ({"one": answer(current), "two": answer(current)}, "InForce", None),
    ):
        world.policies = policies
        assert world.look()[0].after == after
        assert (world.reason(kind="PolicyInForce"), world.reason()) == (reason, "Serving")
    world.policies["two"] = answer("old", "line 3: what?")
    world.look()
    assert world.reason() == world.reason(kind="PolicyInForce") == "PolicyFileRefused"
    assert "Index server two" in messages(world, "PolicyFileRefused")[-1]


def test_an_accepted_exception_is_in_the_file_until_it_ends(world: World) -> None:
    world.kube.put(consenting())
    world.kube.put(exception_body())
    world.settle(MAIN, URLLIB3)
    (entry,) = policy(world)["exceptions"]
    assert (entry["source"], entry["until"]) == ("ci/urllib3", "2026-12-16T00:00:00Z")
    status = world.get("PackageIndex", "main")["status"]
    assert (status["exceptions"], status["nextExceptionEnd"]) == (1, "2026-12-16T00:00:00Z")
    world.now = "2026-12-16T00:00:00Z"
    world.settle(MAIN, URLLIB3)
    assert policy(world)["exceptions"] == []
    status = world.get("PackageIndex", "main")["status"]
    assert (status["exceptions"], status.get("nextExceptionEnd")) == (0, None)
    assert world.has("PackageException", "urllib3", "ci")


def test_a_deleted_exception_is_dropped(world: World) -> None:
    world.kube.put(consenting())
    body = exception_body()
    world.kube.put(body)
    world.settle()
    body["metadata"]["deletionTimestamp"] = NOW
    world.kube.put(body)
    world.settle()
    assert policy(world)["exceptions"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"packages": ["requests"]},
        {"rules": ["malware"]},
        {"rules": ["cooldown", "malware"]},
        {"until": "2027-12-15"},
        {"indexRef": {"name": "other", "namespace": "packages"}},
        {"indexRef": {"name": "main", "namespace": ""}},
    ],
)
def test_what_the_index_does_not_consent_to_is_never_in_its_file(world: World, changes: Any) -> None:
    world.kube.put(consenting())
    world.kube.put(exception_body(**changes))
    world.kube.put(exception_body(namespace="other"))
    world.settle()
    assert policy(world)["exceptions"] == []


def test_exceptions_are_not_read_for_an_index_that_consents_to_none(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = world.kube.list

    def listing(kind: str, *rest: str, **more: str) -> list[Manifest]:
        assert kind != "PackageException"
        return real(kind, *rest, **more)

    monkeypatch.setattr(world.kube, "list", listing)
    world.kube.put(index_body(spec=PYPI))
    world.settle()
    assert world.reason() == "Serving"


@pytest.mark.parametrize(("exceptions", "reads"), [([], 1), ([EXCEPTION], 2)])
def test_the_policy_file_is_read_before_it_is_compared_only_if_the_index_has_exceptions(
    world: World, monkeypatch: pytest.MonkeyPatch, exceptions: list[Manifest], reads: int
) -> None:
    """It may have a megabyte."""
    world.kube.put(index_body(spec={**PYPI, "policy": {"exceptions": exceptions}}))
    world.settle()
    real, read = world.kube.get, []

    def get(kind: str, namespace: str, name: str) -> Manifest | None:
        read.append((kind, name))
        return real(kind, namespace, name)

    monkeypatch.setattr(world.kube, "get", get)
    world.look(MAIN)
    assert read.count(("ConfigMap", CONFIGMAP)) == reads


def test_an_exception_that_cannot_be_read_blocks_no_other(world: World) -> None:
    world.kube.put(consenting())
    world.kube.put(exception_body())
    odd = exception_body("odd")
    odd["spec"] = {"indexRef": odd["spec"]["indexRef"]}
    world.kube.put(odd)
    world.settle()
    assert [each["source"] for each in policy(world)["exceptions"]] == ["ci/urllib3"]


def test_the_minimum_counts_whatever_the_index_says(world: World) -> None:
    minimum = PolicyMinimum(3 * 86_400, "Block", 86_400, frozenset({"malware"}))
    world.boot(policy_minimum=minimum)
    asked = {
        "cooldown": {"action": "Off"},
        "malware": {"action": "Off"},
        "exceptions": [EXCEPTION, {**EXCEPTION, "from": ["malware"]}],
        "exceptionsFrom": [{**CONSENT, "rules": ["cooldown", "malware"], "maximum": "3650d"}],
    }
    world.kube.put(index_body(spec={**PYPI, "policy": asked}))
    world.kube.put(exception_body(until="2027-12-15"))
    world.kube.put(exception_body("malware", rules=["malware"]))
    world.look()
    first = later_by_a_day(world.now)
    world.settle()
    found = policy(world)
    assert (found["cooldown"], found["malware"]) == ({"action": "Block", "age": "3d"}, {"action": "Block"})
    assert [(each["from"], each["until"]) for each in found["exceptions"]] == [
        (["cooldown"], first),
        (["cooldown"], "2026-11-24T12:00:00Z"),
    ]
    message = condition(world.get("PackageIndex", "main"), "ExceptionsCurrent")["message"]
    assert f"The exception for torch ends at {first}, not at 2027-12-15" in message
    assert "The exception for torch does not lift malware" in message


@pytest.mark.parametrize("feed", [{"none": {}}, {"url": "https://not-allowed.example.com/"}])
def test_a_tenant_without_a_feed_gets_no_malware_past_the_minimum(world: World, feed: Manifest) -> None:
    world.boot(policy_minimum=PolicyMinimum(malware="Block"))
    off = {"policy": {"malware": {"action": "Off"}}, "advisories": feed}
    world.kube.put(index_body(spec={**PYPI, **off}))
    world.settle()
    assert policy(world)["malware"] == {"action": "Block", "requireFeed": True}
    assert condition(world.get("PackageIndex", "main"), "AdvisoriesCurrent")["status"] != "True"
    world.kube.put(index_body(spec=off))
    world.settle()
    assert policy(world)["malware"] == {"action": "Block"}, "without upstreams there is nothing to refuse"


def later_by_a_day(now: str) -> str:
    return now.replace("-23T", "-24T")


def test_an_exception_of_the_index_that_has_ended_says_so_in_an_event(world: World) -> None:
    ended = {**EXCEPTION, "until": "2026-11-20"}
    world.kube.put(index_body(spec={**PYPI, "policy": {"exceptions": [ended]}}))
    world.settle()
    assert world.reason(kind="ExceptionsCurrent") == "Ended"
    another = {**ended, "packages": ["numpy"]}
    world.kube.put(index_body(spec={**PYPI, "policy": {"exceptions": [ended, another]}}))
    world.settle()
    assert len(messages(world, "Ended")) == 2
    assert "numpy" in messages(world, "Ended")[-1]


def test_the_exceptions_of_one_namespace_leave_room_for_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wheelyard_operator.reconcile.server_policy.MAX_EXCEPTIONS", 5)
    world.kube.put(index_body(spec={"policy": {"exceptionsFrom": [{**CONSENT, "namespaces": ["ci", "web"]}]}}))
    for number in range(9):
        world.kube.put(exception_body(f"e{number}", created=f"2026-11-23T12:00:0{number}Z"))
    world.kube.put(exception_body(namespace="web", created="2026-11-23T12:00:59Z"))
    world.settle(MAIN, replace_name("e8"), replace_name("e3"))
    assert {each["source"] for each in policy(world)["exceptions"]} == {
        "web/urllib3",
        *(f"ci/e{n}" for n in range(4)),
    }
    assert condition(world.get("PackageException", "e8", "ci"), "Accepted")["reason"] == "NoRoom"
    assert condition(world.get("PackageException", "e3", "ci"), "Accepted")["reason"] == "InForce"
    assert world.reason(kind="ExceptionsCurrent") == "NoRoom"


def replace_name(name: str) -> Any:
    return URLLIB3._replace(name=name)


def test_the_largest_policy_with_the_largest_exceptions_fits_into_a_configmap(world: World) -> None:
    """The schema lets the index take three quarters, and the PackageExceptions share what is left."""
    globs = [f"{number}".ljust(128, "a") for number in range(100)]
    asked = {
        "deny": [{"packages": globs, "versions": "", "reason": "\ufeff" * 40, "action": "Block"}] * 18,
        "allow": {"action": "Block", "releases": [{"packages": globs[:94], "versions": ""}] * 10},
        "exceptions": [{**EXCEPTION, "packages": globs[:80]}] * 10,
        "exceptionsFrom": [{**CONSENT, "packages": ["*"]}],
    }
    world.kube.put(index_body(spec={"policy": asked}))
    for number in range(400):
        names = [f"{number}".ljust(100, "a") for number in range(20)]
        world.kube.put(exception_body(f"e{number}", packages=names, reason="\U0001d518" * 200))
    world.look()
    data = world.get("ConfigMap", CONFIGMAP)["data"]
    assert sum(len(each.encode()) for each in data.values()) <= policy_file.MAX_BYTES + 20_000 < 2**20
    assert 10 < len(policy(world)["exceptions"]) < 410


def test_a_policy_that_cannot_be_written_is_a_condition(world: World) -> None:
    world.kube.put(index_body(spec=PYPI))
    refusal = ApiError(403, "quota exceeded")
    world.kube.refusal = lambda *place: refusal if CONFIGMAP in place else None
    world.look()
    assert "quota exceeded" in condition(world.get("PackageIndex", "main"), "Ready")["message"]
    assert not world.has("Deployment", "wheelyard-main"), "its pods would have no policy file"


def test_a_configmap_of_another_owner_is_not_touched_and_nothing_is_taken_from_it(world: World) -> None:
    world.boot(policy_minimum=replace(PolicyMinimum(), max_exception_seconds=86_400))
    data = {"seen.json": json.dumps({content_digest(EXCEPTION): "2020-01-01T00:00:00Z"})}
    world.kube.put({"kind": "ConfigMap", "metadata": {"name": CONFIGMAP, "namespace": "packages"}, "data": data})
    world.kube.put(index_body(spec={**PYPI, "policy": {"exceptions": [EXCEPTION]}}))
    world.settle()
    assert world.get("ConfigMap", CONFIGMAP)["data"] == data
    assert world.reason() == "NameConflict"
    found = condition(world.get("PackageIndex", "main"), "ExceptionsCurrent")
    assert found["reason"] == "BeyondMinimum"
    # A day after now: not after the time in the other one's ConfigMap.
    assert "ends at 2026-11-24T12:" in found["message"]


def test_a_damaged_policy_file_is_written_again(world: World) -> None:
    world.kube.put(index_body(spec=PYPI))
    world.settle()
    before = text(world)
    world.kube.objects["ConfigMap", "packages", CONFIGMAP]["data"]["policy.yaml"] = "policy: {cooldown: {age: 0s}}"
    world.settle()
    assert text(world) == before


def test_the_time_of_an_exception_begins_when_it_is_first_seen_and_never_again(world: World) -> None:
    world.boot(policy_minimum=replace(PolicyMinimum(), max_exception_seconds=86_400))
    world.kube.put(index_body(spec={"policy": {"exceptions": [EXCEPTION]}}))
    world.settle()
    until = policy(world)["exceptions"][0]["until"]
    world.boot()
    world.settle()
    assert policy(world)["exceptions"][0]["until"] == until
