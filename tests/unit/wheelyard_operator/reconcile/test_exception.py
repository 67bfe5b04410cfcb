from typing import Any

import pytest

from unit.wheelyard_operator.fakes import condition, exception_body, index_body
from unit.wheelyard_operator.reconcile.world import URLLIB3, World
from wheelyard_operator.kube import ApiError
from wheelyard_operator.policy_minimum import PolicyMinimum
from wheelyard_operator.reconcile.outcome import GONE, Outcome
from wheelyard_operator.resource import Manifest

CONSENT = {"namespaces": ["ci"], "packages": ["urllib3"], "rules": ["cooldown"]}


def consenting(**changes: Any) -> Manifest:
    return index_body(spec={"policy": {"exceptionsFrom": [{**CONSENT, **changes}]}})


def accepted(world: World) -> tuple[str, str]:
    found = condition(world.get("PackageException", "urllib3", "ci"), "Accepted")
    return found["status"], found["reason"]


def events(world: World) -> list[str]:
    return [each["reason"] for each in world.kube.events if each["message"].startswith("Accepted")]


def test_an_exception_is_accepted_until_it_ends_and_stays(world: World) -> None:
    world.kube.put(consenting())
    world.kube.put(exception_body())
    outcome = world.exception()
    assert accepted(world) == ("True", "InForce")
    status = world.get("PackageException", "urllib3", "ci")["status"]
    assert (status["until"], outcome.state) == ("2026-12-16T00:00:00Z", "ready")
    assert outcome.after == 22 * 86_400 + 86_400 / 2
    world.now = "2026-12-16T00:00:00Z"
    assert world.exception() == Outcome(state="ready")
    assert accepted(world) == ("False", "Ended")
    assert world.reason(URLLIB3) == "Ended"
    assert events(world) == ["InForce", "Ended"]


def test_what_ended_fails_nothing_that_waits_for_all_resources_of_a_repository(world: World) -> None:
    world.kube.put(consenting())
    world.kube.put(exception_body(until="2026-11-01"))
    world.exception()
    conditions = world.get("PackageException", "urllib3", "ci")["status"]["conditions"]
    found = {each["type"]: each["status"] for each in conditions}
    assert found == {"Ready": "True", "Accepted": "False", "Reconciling": "False", "Stalled": "False"}


@pytest.mark.parametrize(
    ("index", "changes", "reason"),
    [
        (None, {}, "IndexNotFound"),
        (index_body(), {}, "NotConsented"),
        (consenting(namespaces=["other"]), {}, "NotConsented"),
        (consenting(), {"rules": ["malware"]}, "RuleNotAllowed"),
        (consenting(maximum="1d"), {}, "TooLong"),
    ],
)
def test_a_refusal_needs_an_action(world: World, index: Manifest | None, changes: Any, reason: str) -> None:
    if index:
        world.kube.put(index)
    world.kube.put(exception_body(**changes))
    assert world.exception().state == "stalled"
    assert accepted(world) == ("False", reason)
    assert (world.reason(URLLIB3), world.reason(URLLIB3, "Stalled")) == (reason, reason)


def test_an_index_that_is_being_deleted_counts_as_absent(world: World) -> None:
    index = consenting()
    index["metadata"]["deletionTimestamp"] = "2026-11-23T12:00:00Z"
    world.kube.put(index)
    world.kube.put(exception_body())
    world.exception()
    assert accepted(world) == ("False", "IndexNotFound")


def test_consent_that_is_taken_back_counts(world: World) -> None:
    world.kube.put(consenting())
    world.kube.put(exception_body())
    world.exception()
    world.kube.put(index_body())
    world.exception()
    assert accepted(world) == ("False", "NotConsented")


def test_the_platform_team_limits_how_long_it_holds(world: World) -> None:
    world.boot(policy_minimum=PolicyMinimum(max_exception_seconds=86_400))
    world.kube.put(consenting())
    world.kube.put(exception_body())
    world.exception()
    assert world.get("PackageException", "urllib3", "ci")["status"]["until"] == "2026-11-24T12:00:00Z"


def test_what_was_left_out_by_another_index_of_the_name_does_not_count(world: World) -> None:
    world.kube.put(consenting())
    world.kube.put(exception_body())
    metadata = {
        "name": "wheelyard-main-policy",
        "namespace": "packages",
        "annotations": {"wheelyard.dev/left-out": '{"ci": ""}'},
    }
    world.kube.put({"kind": "ConfigMap", "metadata": metadata})
    world.exception()
    assert accepted(world) == ("True", "InForce")


def test_a_deleted_exception_needs_nothing(world: World) -> None:
    assert world.exception() == GONE
    body = exception_body()
    body["metadata"]["deletionTimestamp"] = "2026-11-23T12:00:00Z"
    world.kube.put(body)
    assert world.exception() == GONE


def test_an_index_that_may_not_be_read_is_asked_for_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.kube.put(exception_body())
    real = world.kube.get

    def failing(kind: str, namespace: str, name: str) -> Manifest | None:
        if kind == "PackageIndex":
            raise ApiError(403, "forbidden")
        return real(kind, namespace, name)

    monkeypatch.setattr(world.kube, "get", failing)
    assert world.exception().after == 15.0
    assert "forbidden" in condition(world.get("PackageException", "urllib3", "ci"), "Ready")["message"]
