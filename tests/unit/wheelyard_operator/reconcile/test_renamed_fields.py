"""What an operator does with resources that were stored under an earlier release's field names."""

import copy
import json
from typing import Any

import pytest

from unit.wheelyard_operator.fakes import condition, index_body, user_body
from unit.wheelyard_operator.reconcile.world import JENKINS, MAIN, World
from wheelyard_operator import tokens
from wheelyard_operator.desired.access_file import unpacked
from wheelyard_operator.desired.common import decoded
from wheelyard_operator.resource import INDEX, Manifest
from wheelyard_operator.resource.renamed import RENAMED_FIELDS, RenamedField

EXTERNAL: Manifest = {"external": {"url": "https://pypi.example.com"}}
VALUES: dict[str, tuple[Any, Any]] = {
    "spec.freshness.freshSeconds": (30, "30s"),
    "spec.freshness.staleSeconds": (0, "0s"),
    "spec.credentials.url": ("External", "External"),
}
"""A value of each field under its old name, and the same under the new one; not the default."""

every_renamed_field = pytest.mark.parametrize("field", RENAMED_FIELDS, ids=lambda field: field.old)


def write(body: Manifest, path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for name in parents:
        body = body.setdefault(name, {})
    body[last] = value


def remove(body: Manifest, path: str) -> None:
    *parents, last = path.split(".")
    for name in parents:
        body = body[name]
    del body[last]


def stored(world: World, field: RenamedField) -> Manifest:
    key = MAIN if field.kind == INDEX else JENKINS
    return world.kube.objects[key.kind, key.namespace, key.name]


def running(world: World, field: RenamedField, path: str, value: Any) -> None:
    """Let an index and its user come to rest with a value of this field."""
    world.kube.put(index_body(spec={**EXTERNAL, "access": {"grants": [READ]}}))
    world.kube.put(user_body(grants=[{"packages": ["acme-*"], "verbs": ["publish"]}]))
    write(stored(world, field), path, value)
    world.settle(MAIN, JENKINS)


READ: Manifest = {"subjects": ["authenticated"], "packages": ["*"], "verbs": ["read"]}


def upgrade(world: World, field: RenamedField) -> None:
    """Start this operator on what an earlier one left: the same value, under its old name."""
    body = stored(world, field)
    remove(body, field.new)
    write(body, field.old, VALUES[field.old][0])
    world.boot()
    world.settle(MAIN, JENKINS)


def rights(world: World) -> Manifest:
    found: Manifest = json.loads(unpacked(world.get("Secret", "wheelyard-main-access")))
    return found


def at_rest(world: World) -> list[Manifest]:
    return [
        copy.deepcopy({part: body.get(part) for part in ("data", "spec")})
        for kind, name in (
            ("Deployment", "wheelyard-main"),
            ("ConfigMap", "wheelyard-main"),
            ("Secret", "jenkins-pypi"),
            ("Secret", "wheelyard-main-storage"),
        )
        for body in [world.get(kind, name)]
    ]


def test_no_renamed_field_is_without_a_value() -> None:
    assert set(VALUES) == {each.old for each in RENAMED_FIELDS}


@every_renamed_field
def test_rights_and_everything_that_runs_stay_the_same_after_the_upgrade(world: World, field: RenamedField) -> None:
    running(world, field, field.new, VALUES[field.old][1])
    before, allowed = at_rest(world), rights(world)
    assert allowed["grants"]
    upgrade(world, field)
    assert rights(world) == allowed
    assert at_rest(world) == before


@every_renamed_field
def test_the_condition_names_the_new_field(world: World, field: RenamedField) -> None:
    running(world, field, field.new, VALUES[field.old][1])
    upgrade(world, field)
    body = stored(world, field)
    ready, stalled = condition(body, "Ready"), condition(body, "Stalled")
    assert (ready["status"], ready["reason"], stalled["status"]) == ("False", "FieldRenamed", "True")
    assert ready["message"].startswith(f"{field.old} is now {field.new}: write ")


@every_renamed_field
def test_writing_the_new_field_ends_the_refusal(world: World, field: RenamedField) -> None:
    running(world, field, field.new, VALUES[field.old][1])
    before = at_rest(world)
    upgrade(world, field)
    body = stored(world, field)
    remove(body, field.old)
    write(body, field.new, VALUES[field.old][1])
    world.settle(MAIN, JENKINS)
    assert world.reason(MAIN) == "Serving"
    assert world.reason(JENKINS) == "LoginInForce"
    assert at_rest(world) == before


@every_renamed_field
def test_a_default_that_an_earlier_schema_stored_is_ignored(world: World, field: RenamedField) -> None:
    running(world, field, field.old, field.default)
    assert world.reason(MAIN) == "Serving"
    assert world.reason(JENKINS) == "LoginInForce"


@every_renamed_field
def test_a_new_resource_with_the_old_name_gets_nothing(world: World, field: RenamedField) -> None:
    """Only a schema of before would take it."""
    running(world, field, field.old, VALUES[field.old][0])
    assert condition(stored(world, field), "Ready")["reason"] == "FieldRenamed"
    assert not world.has(*(("Deployment", "wheelyard-main") if field.kind == INDEX else ("Secret", "jenkins-pypi")))


@every_renamed_field
def test_a_right_that_is_withdrawn_meanwhile_ends(world: World, field: RenamedField) -> None:
    running(world, field, field.new, VALUES[field.old][1])
    upgrade(world, field)
    user = world.kube.objects[JENKINS.kind, JENKINS.namespace, JENKINS.name]
    user["spec"]["grants"] = []
    world.settle(MAIN, JENKINS)
    assert [each["subjects"] for each in rights(world)["grants"]] == [["authenticated"]]
    del world.kube.objects[JENKINS.kind, JENKINS.namespace, JENKINS.name]
    world.settle(MAIN)
    assert rights(world)["users"] == []


def test_a_refused_user_s_token_is_rotated_and_the_previous_one_expires(world: World) -> None:
    (field,) = (each for each in RENAMED_FIELDS if each.old == "spec.credentials.url")
    running(world, field, field.new, "External")
    upgrade(world, field)
    before = decoded(world.get("Secret", "jenkins-pypi"), "password")
    stored(world, field)["metadata"]["annotations"] = {"wheelyard.dev/rotate": "leaked"}
    for _ in range(12):
        world.settle(JENKINS, MAIN)
    secret = world.get("Secret", "jenkins-pypi")
    assert decoded(secret, "password") != before
    assert decoded(secret, "UV_PUBLISH_URL") == "https://pypi.example.com/legacy/"
    (jenkins,) = rights(world)["users"]
    assert jenkins["tokenDigests"] == [tokens.digest(decoded(secret, "password"))]
    assert world.reason(JENKINS) == "FieldRenamed"


def test_the_previous_token_of_a_user_without_an_address_expires(world: World) -> None:
    """Its index is no longer reached from outside the cluster."""
    world.kube.put(index_body(spec=EXTERNAL))
    world.kube.put(user_body(credentials={"listener": "External"}))
    world.settle(MAIN, JENKINS)
    before = decoded(world.get("Secret", "jenkins-pypi"), "password")
    user = world.kube.objects[JENKINS.kind, JENKINS.namespace, JENKINS.name]
    user["metadata"]["annotations"] = {"wheelyard.dev/rotate": "1"}
    world.kube.objects[MAIN.kind, MAIN.namespace, MAIN.name]["spec"].pop("external")
    for _ in range(12):
        world.settle(JENKINS, MAIN)
    assert world.reason(JENKINS) == "NotExposed"
    assert decoded(world.get("Secret", "jenkins-pypi"), "password") != before
    (jenkins,) = rights(world)["users"]
    assert tokens.digest(before) not in jenkins["tokenDigests"]
