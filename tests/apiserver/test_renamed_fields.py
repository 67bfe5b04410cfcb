"""A field that has a new name: refused on a real API server, and no right is won by the upgrade.

Each field is stored as the release before stored it, under a schema with the old name and its
default.
"""

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import yaml

from apiserver.crds import apply_crd, refused, until
from apiserver.world import World
from cluster import ApiServer
from cluster.paths import REPOSITORY
from support.rest import Manifest, RefusedError
from wheelyard_operator.desired.access_file import unpacked
from wheelyard_operator.resource import API_VERSION, INDEX, USER
from wheelyard_operator.resource.renamed import RENAMED_FIELDS, RenamedField

EXTERNAL = "https://pypi.example.com"
VALUES: dict[str, tuple[Any, Any, Any]] = {
    "spec.freshness.freshSeconds": (30, "30s", 60),
    "spec.freshness.staleSeconds": (0, "0s", 60),
    "spec.credentials.url": ("External", "External", "External"),
}
"""For each field: a value under its old name, the same under the new one, and another old one."""
FILES = {INDEX: "packageindexes", USER: "indexusers"}
NAMES = {INDEX: "main", USER: "jenkins"}

every_renamed_field = pytest.mark.parametrize("field", RENAMED_FIELDS, ids=lambda field: field.old)


def crd(field: RenamedField) -> Manifest:
    found: Manifest = yaml.safe_load((REPOSITORY / f"crds/wheelyard.dev_{FILES[field.kind]}.yaml").read_text())
    return found


def of_before(field: RenamedField) -> Manifest:
    """Return the CRD as the release before had it: the old name with its default, and no new one."""
    body = crd(field)
    place = body["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    *parents, old = field.old.split(".")
    for name in parents:
        place = place["properties"][name]
    del place["properties"][field.new.rsplit(".", 1)[1]]
    rules = place["x-kubernetes-validations"]
    place["x-kubernetes-validations"] = [each for each in rules if each["message"] != field.message]
    place["properties"][old]["default"] = field.default
    return body


@contextmanager
def release_before(api: ApiServer, world: World, field: RenamedField) -> Iterator[None]:
    """Let the release before be installed for a while."""
    new = manifest(world, field.kind, patch(field.old, VALUES[field.old][0])["spec"], "another")
    try:
        apply_crd(api, of_before(field))
        until(lambda: world.rest.create(new, dryRun="All"))
        yield
    finally:
        apply_crd(api, crd(field))
    until(lambda: refused(lambda: world.rest.create(new, dryRun="All")))


def patch(path: str, value: Any) -> Manifest:
    for name in reversed(path.split(".")):
        value = {name: value}
    body: Manifest = value
    return body


def manifest(world: World, kind: str, changes: Manifest, name: str = "") -> Manifest:
    storage = {"s3": {"bucket": world.namespace, "provision": {"bucket": True, "user": True}}}
    grants = [{"subjects": ["authenticated"], "verbs": ["read"]}]
    specs: dict[str, Manifest] = {
        INDEX: {"storage": storage, "access": {"grants": grants}, "external": {"url": EXTERNAL}},
        USER: {"indexRef": {"name": "main"}, "grants": [{"packages": ["acme-*"], "verbs": ["publish"]}]},
    }
    metadata = {"name": name or NAMES[kind], "namespace": world.namespace}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": {**specs[kind], **changes}}


def rights(world: World) -> Manifest:
    found: Manifest = json.loads(unpacked(world.get("Secret", "wheelyard-main-access")))
    return found


def at_rest(world: World) -> list[Any]:
    return [
        copy.deepcopy(world.get(kind, name)[part])
        for kind, name, part in (
            ("Deployment", "wheelyard-main", "spec"),
            ("ConfigMap", "wheelyard-main", "data"),
            ("Secret", "jenkins-pypi", "data"),
            ("Secret", "wheelyard-main-storage", "data"),
        )
    ]


def ready(world: World, kind: str) -> Manifest:
    conditions = world.get(kind, NAMES[kind])["status"]["conditions"]
    return next(each for each in conditions if each["type"] == "Ready")


@pytest.fixture
def world(new_world: Callable[[], World]) -> World:
    world = new_world()
    for kind in NAMES:
        world.rest.create(manifest(world, kind, {}))
    return world


@every_renamed_field
def test_an_upgrade_gives_no_one_more_rights(api: ApiServer, world: World, field: RenamedField) -> None:
    old, new, other = VALUES[field.old]
    live = world.get(field.kind, NAMES[field.kind])
    world.rest.merge(live, patch(field.new, new))
    world.settle()
    before, allowed = at_rest(world), rights(world)
    with release_before(api, world, field):
        world.rest.merge(live, patch(field.old, old))
    *parents, name = field.old.split(".")
    stored = world.get(field.kind, NAMES[field.kind])
    for parent in parents:
        stored = stored[parent]
    assert stored[name] == old, "pruned"
    world.boot()
    world.settle()
    assert rights(world) == allowed
    assert at_rest(world) == before
    assert (ready(world, field.kind)["status"], ready(world, field.kind)["reason"]) == ("False", "FieldRenamed")
    assert field.message in ready(world, field.kind)["message"]
    # Kubernetes refuses only what changes: the operator must be able to write finalizers and
    # annotations.
    world.rest.merge(live, {"metadata": {"annotations": {"team.example/note": "ours"}}})
    with pytest.raises(RefusedError) as refusal:
        world.rest.merge(live, {"spec": {parents[1]: {name: other, **more_of(field)}}})
    assert field.message in str(refusal.value)
    world.rest.merge(live, {"spec": {parents[1]: {name: None, field.new.rsplit(".", 1)[1]: new}}})
    world.settle()
    assert {ready(world, kind)["status"] for kind in NAMES} == {"True"}
    assert at_rest(world) == before


def more_of(field: RenamedField) -> Manifest:
    """Return what makes the part of the spec another one, should the old field have one value only."""
    return {"overlap": "2h"} if field.kind == USER else {}


@every_renamed_field
def test_a_default_that_the_release_before_stored_is_ignored(
    api: ApiServer, world: World, field: RenamedField
) -> None:
    """No manifest has it, so no one could remove it."""
    live = world.get(field.kind, NAMES[field.kind])
    with release_before(api, world, field):
        world.rest.merge(live, patch(field.old, field.default))
    world.settle()
    assert {ready(world, kind)["status"] for kind in NAMES} == {"True"}
    world.rest.merge(live, patch(field.new, VALUES[field.old][1]))
    world.settle()
    assert {ready(world, kind)["status"] for kind in NAMES} == {"True"}


@every_renamed_field
def test_an_old_name_is_refused_at_creation(world: World, field: RenamedField) -> None:
    for value in (VALUES[field.old][0], VALUES[field.old][2]):
        new = manifest(world, field.kind, patch(field.old, value)["spec"], "another")
        with pytest.raises(RefusedError) as refusal:
            world.rest.create(new, dryRun="All")
        assert field.message in str(refusal.value)
