"""Killed after any single write to the API server, S3 or IAM, the operator converges at its next start."""

import base64
import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest

from apiserver.world import CHILDREN, World, exists
from cluster import S3Server
from support.iam_users import user_names
from support.rest import Manifest
from wheelyard_operator import tokens
from wheelyard_operator.desired.access_file import unpacked
from wheelyard_operator.provision.iam import user_name
from wheelyard_operator.resource import API_VERSION, INDEX, USER, PackageIndex

MADE = {
    "Deployment": {"wheelyard-main"},
    "ConfigMap": {"wheelyard-main"},
    "Service": {"wheelyard-main"},
    "ServiceAccount": {"wheelyard-main"},
    "PodDisruptionBudget": {"wheelyard-main"},
    "PersistentVolumeClaim": set[str](),
}


def declare(world: World, **spec: Any) -> None:
    """Apply the index and its user."""
    storage = {"s3": {"bucket": world.namespace, "provision": {"bucket": True, "user": True}}}
    resource(world, INDEX, "main", {"storage": storage, "replicas": 2, **spec})
    resource(world, USER, "jenkins", {"indexRef": {"name": "main"}, "credentials": {"overlap": "1m"}})


def resource(world: World, kind: str, name: str, spec: Manifest) -> None:
    metadata = {"name": name, "namespace": world.namespace}
    world.rest.create({"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec})


def iam_users(world: World) -> list[str]:
    return user_names(world.cloud.iam, f"wheelyard-{world.namespace}-")


def keys(world: World) -> list[tuple[str, str]]:
    (name,) = iam_users(world)
    found = world.cloud.iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
    return [(each["AccessKeyId"], each["Status"]) for each in found]


def secret(world: World, name: str, key: str) -> str:
    return base64.b64decode(world.get("Secret", name)["data"][key]).decode()


def buckets(world: World) -> list[str]:
    return [each["Name"] for each in world.cloud.s3.list_buckets()["Buckets"] if each["Name"] == world.namespace]


def ready(world: World, kind: str, name: str) -> str:
    conditions = world.get(kind, name)["status"]["conditions"]
    return next(str(each["reason"]) for each in conditions if each["type"] == "Ready")


def assert_whole(world: World, login: str = "jenkins-pypi", others: tuple[str, ...] = ()) -> None:
    """One bucket, one user, one key, one Secret of each, and no unwanted object."""
    assert (ready(world, INDEX, "main"), ready(world, USER, "jenkins")) == ("Serving", "LoginInForce")
    secrets = {"wheelyard-main-storage", "wheelyard-main-access", login, *others}
    spec = world.get(INDEX, "main")["spec"]
    has_policy = bool(spec.get("upstreams")) or "policy" in spec
    files = MADE["ConfigMap"] | ({"wheelyard-main-policy"} if has_policy else set())
    assert {kind: world.names(kind) for kind in CHILDREN} == {**MADE, "Secret": secrets, "ConfigMap": files}
    assert buckets(world) == [world.namespace]
    assert iam_users(world) == [user_name(PackageIndex.parse(world.get(INDEX, "main")))]
    assert keys(world) == [(secret(world, "wheelyard-main-storage", "AWS_ACCESS_KEY_ID"), "Active")]
    assert world.cloud.max_keys <= 2
    (user,) = access(world)["users"]
    assert user["tokenDigests"] == [tokens.digest(secret(world, login, "password"))]


def access(world: World) -> Any:
    return json.loads(unpacked(world.get("Secret", "wheelyard-main-access")))


def at_every_write(kill: Callable[[int], bool], least: int) -> None:
    """Call `kill` with 1, 2... until it says that there are no more writes to be killed after."""
    for after in itertools.count(1):
        if not kill(after):
            assert after > least, "too few moments: is anything counted?"
            return


def test_a_kill_at_any_write_of_creation_is_recovered(new_world: Callable[[], World]) -> None:
    def kill(after: int) -> bool:
        world = new_world()
        declare(world)
        killed = world.killed(after)
        world.settle()
        assert_whole(world)
        return killed

    at_every_write(kill, 25)


def test_while_the_access_key_is_rotated(new_world: Callable[[], World]) -> None:
    world = new_world()
    declare(world)
    world.settle()

    def kill(after: int) -> bool:
        before = keys(world)
        world.change(world.index, {"metadata": {"annotations": {"wheelyard.dev/rotate": str(after)}}})
        killed = world.killed(after)
        world.settle()
        assert_whole(world)
        assert keys(world) != before
        return killed

    at_every_write(kill, 5)


def test_while_a_token_is_rotated(new_world: Callable[[], World]) -> None:
    world = new_world()
    declare(world)
    world.settle()

    def kill(after: int) -> bool:
        before = secret(world, "jenkins-pypi", "password")
        world.change(world.user, {"metadata": {"annotations": {"wheelyard.dev/rotate": str(after)}}})
        killed = world.killed(after)
        world.settle()
        assert_whole(world)
        assert secret(world, "jenkins-pypi", "password") != before
        return killed

    at_every_write(kill, 4)


def test_while_a_users_secret_gets_another_name(new_world: Callable[[], World]) -> None:
    world = new_world()
    declare(world)
    world.settle()
    before = secret(world, "jenkins-pypi", "password")

    def kill(after: int) -> bool:
        name = f"login-{after}"
        world.change(world.user, {"spec": {"credentials": {"secretName": name}}})
        killed = world.killed(after)
        world.settle()
        assert_whole(world, login=name)
        assert secret(world, name, "password") == before, "a new name is no new login"
        return killed

    at_every_write(kill, 2)


def test_while_the_index_gets_credentials_of_its_own_and_gives_them_back(
    new_world: Callable[[], World], s3_server: S3Server
) -> None:
    """The IAM user and its Secret go once no pod needs them; back again they are created again."""
    world = new_world()
    declare(world)
    own = {"AWS_ACCESS_KEY_ID": s3_server.access_key, "AWS_SECRET_ACCESS_KEY": s3_server.secret_key}
    metadata = {"name": "keys", "namespace": world.namespace}
    world.rest.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": own})
    world.settle()
    given = {"provision": {"user": False}, "credentials": {"secretRef": {"name": "keys"}}}

    def kill(after: int) -> bool:
        world.change(world.index, {"spec": {"storage": {"s3": given}}})
        killed = world.killed(after)
        world.settle()
        assert iam_users(world) == []
        assert world.names("Secret") == {"wheelyard-main-access", "jenkins-pypi", "keys"}
        assert ready(world, INDEX, "main") == "Serving"
        world.change(world.index, {"spec": {"storage": {"s3": {"provision": {"user": True}, "credentials": None}}}})
        killed = world.killed(after) or killed
        world.settle()
        assert_whole(world, others=("keys",))
        return killed

    at_every_write(kill, 8)


@pytest.mark.parametrize("policy", ["Retain", "Delete"])
def test_a_kill_at_any_write_of_deletion_is_recovered(new_world: Callable[[], World], policy: str) -> None:
    def kill(after: int) -> bool:
        world = new_world()
        declare(world, deletionPolicy=policy)
        world.settle()
        for key in (world.index, world.user):
            world.rest.delete(key.kind, world.namespace, key.name)
        killed = world.killed(after)
        world.settle()
        assert not exists(world.rest, INDEX, world.namespace, "main")
        assert {kind: world.names(kind) for kind in CHILDREN} == {kind: set() for kind in CHILDREN}
        assert iam_users(world) == []
        assert buckets(world) == ([world.namespace] if policy == "Retain" else [])
        return killed

    at_every_write(kill, 5)
