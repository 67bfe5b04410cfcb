"""Each field of both schemas has an effect, and no other than it should have.

A field that is new in a schema needs a case in `fields.py`.
"""

import copy
import itertools
import json
import os
import re
import secrets
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
import requests
import yaml
from jsonschema import Draft202012Validator
from moto import mock_aws

from support.mainjob import ROOT
from support.patience import HANG_SECONDS
from unit.wheelyard_operator.fakes import RSA_KEY, SETTINGS, exception_body, index_body, user_body
from unit.wheelyard_operator.reconcile.fields import (
    ENDPOINTS,
    EXCEPTION_CASES,
    INDEX_CASES,
    ISSUERS,
    READER,
    SCENES,
    USER_CASES,
    Case,
    Scene,
    changed,
    value_at,
)
from unit.wheelyard_operator.reconcile.world import JENKINS, MAIN, URLLIB3, World
from wheelyard_operator.apply import APPLIED
from wheelyard_operator.desired.access_file import unpacked
from wheelyard_operator.desired.common import decoded, encoded
from wheelyard_operator.egress import EgressSettings, Host
from wheelyard_operator.provision.clients import Clients
from wheelyard_operator.resource import EXCEPTION, INDEX, USER, USER_LABEL, Key, Manifest
from wheelyard_operator.resource.renamed import RENAMED_FIELDS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FAR = Key(USER, "ci", "far")
Effects = dict[str, Any]
LOOKS = 8
"""As many as the longest scene needs: a token that is rotated, and the previous one that expires."""


@cache
def schema(name: str) -> Manifest:
    body = yaml.safe_load((ROOT / f"crds/wheelyard.dev_{name}.yaml").read_text())
    spec: Manifest = body["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return spec


OLD_NAMES = {each.old.removeprefix("spec.") for each in RENAMED_FIELDS}
"""Fields that are refused, which test_renamed_fields.py is about."""


def leaves(body: Manifest, path: str = "") -> Iterator[str]:
    """Return the paths of all fields that hold no fields of ours.

    `[]` are the elements of a list.
    """
    if "properties" in body:
        for name, below in body["properties"].items():
            yield from leaves(below, f"{path}.{name}" if path else name)
    elif "properties" in body.get("items", {}):
        yield from leaves(body["items"], f"{path}[]")
    else:
        yield path


@pytest.mark.parametrize(
    ("name", "cases"),
    [("packageindexes", INDEX_CASES), ("indexusers", USER_CASES), ("packageexceptions", EXCEPTION_CASES)],
)
def test_no_field_is_left_out(name: str, cases: dict[str, Case]) -> None:
    assert sorted(cases) == sorted({*leaves(schema(name))} - OLD_NAMES)


@pytest.mark.parametrize("path", INDEX_CASES)
def test_each_field_of_an_index_has_exactly_its_effects(path: str) -> None:
    case, scene = INDEX_CASES[path], SCENES[INDEX_CASES[path].scene]
    other = with_value(scene.index, path, case)
    check("packageindexes", scene.index, other)
    assert differing(seen(case.scene), played(replace(scene, index=other))) == case.shown


@pytest.mark.parametrize("path", USER_CASES)
def test_each_field_of_a_user_has_exactly_its_effects(path: str) -> None:
    case, scene = USER_CASES[path], SCENES[USER_CASES[path].scene]
    other = with_value(scene.jenkins, path, case)
    check("indexusers", scene.jenkins, other)
    assert differing(seen(case.scene), played(replace(scene, jenkins=other))) == case.shown


@pytest.mark.parametrize("path", EXCEPTION_CASES)
def test_each_field_of_an_exception_has_exactly_its_effects(path: str) -> None:
    case, scene = EXCEPTION_CASES[path], SCENES[EXCEPTION_CASES[path].scene]
    other = with_value(scene.urllib3, path, case)
    check("packageexceptions", scene.urllib3, other)
    assert differing(seen(case.scene), played(replace(scene, urllib3=other))) == case.shown


@pytest.mark.parametrize("name", SCENES)
def test_where_nothing_is_changed_nothing_differs(name: str) -> None:
    by_chance = "access file, logins" if name == "password" else ""  # The hash of a password has salt.
    assert differing(seen(name), played(SCENES[name])) == by_chance


def with_value(spec: Manifest, path: str, case: Case) -> Manifest:
    assert value_at(spec, path) != case.value
    other = changed(spec, path, case.value)
    for its_path, value in case.also.items():
        other = changed(other, its_path, value)
    return other


def check(name: str, *specs: Manifest) -> None:
    for spec in specs:
        validator(name).validate(spec)


@cache
def validator(name: str) -> Draft202012Validator:
    """Return what checks specs by a schema, which is itself checked once.

    That takes longer than its use.
    """
    Draft202012Validator.check_schema(schema(name))
    return Draft202012Validator(schema(name))


def differing(one: Effects, other: Effects) -> str:
    return ", ".join(sorted(place for place in {*one, *other} if one.get(place) != other.get(place)))


@cache
def seen(name: str) -> Effects:
    return played(SCENES[name])


def played(scene: Scene) -> Effects:
    """Let the operator bring a scene to rest; give all that it has made and asked for."""
    with a_world() as (world, calls):
        for body in (index_body(), user_body(), user_body("far", "ci"), exception_body("urllib3", "ci")):
            spec = {
                "PackageIndex main": scene.index,
                "IndexUser jenkins": scene.jenkins,
                "IndexUser far": scene.far,
                "PackageException urllib3": scene.urllib3,
            }
            body["spec"] = copy.deepcopy(spec[f"{body['kind']} {body['metadata']['name']}"])
            world.kube.put(body)
        if scene.has_bucket:
            world.clients.own_s3("us-east-1").create_bucket(Bucket="acme")
        calls.clear()
        come_to_rest(world)
        effects = effects_of(world)
        effects |= {name: sorted(calls[name]) for name in calls}
    return effects


def come_to_rest(world: World) -> None:
    """Let the operator look 8 times, or until it writes nothing and has nothing to do in that time."""
    for _ in range(LOOKS):
        before = len(world.kube.writes)
        outcomes = world.look(MAIN, JENKINS, FAR, URLLIB3)
        has_plans = any(each.after is not None and each.after <= LOOKS * 100 for each in outcomes)
        if len(world.kube.writes) == before and not has_plans:
            return


HOSTS = tuple(Host("", "*", port) for port in ("", ":7443", ":8443", ":9443"))
EGRESS = EgressSettings(HOSTS, webhook_hosts=HOSTS, allowed_roles=(READER,))
STAGE = replace(SETTINGS, allowed_issuers=ISSUERS, allowed_endpoints=ENDPOINTS, egress=EGRESS)


class Stage(World):
    """With clients that all worlds share: to make them would take most of the time."""

    def _new_clients(self) -> Clients:
        return shared_clients()

    def _new_servers_s3(self) -> "S3Client":
        return shared_clients().own_s3("us-east-1")


@cache
def shared_clients() -> Clients:
    return Clients(STAGE, RECORDER.listen)


@contextmanager
def a_world() -> Iterator[tuple[World, dict[str, set[str]]]]:
    """Make one in which nothing is left to chance, and tell what AWS is asked."""
    calls: dict[str, set[str]] = defaultdict(set)
    numbers: dict[str, Iterator[int]] = defaultdict(lambda: itertools.count(1))

    def in_order(length: int) -> bytes:
        """Return the next number for the calling module: another kind of secret changes none of its own."""
        return next(numbers[str(sys._getframe(1).f_globals["__name__"])]).to_bytes(length, "big")

    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    environment = {**keys, "MOTO_S3_CUSTOM_ENDPOINTS": ",".join(ENDPOINTS)}
    with (
        patch.dict(os.environ, environment),
        mock_aws(),
        patch.object(secrets, "token_bytes", in_order),
    ):
        RECORDER.calls = calls
        world = Stage(STAGE)
        world.code_artifact.refuses = False
        for issuer in ISSUERS:
            world.web[f"{issuer}/.well-known/openid-configuration"] = {
                "issuer": issuer,
                "jwks_uri": f"{issuer}/keys",
                "authorization_endpoint": f"{issuer}/auth",
                "token_endpoint": f"{issuer}:6443/token",
            }
            world.web[f"{issuer}/keys"] = {"keys": [RSA_KEY]}
        for name in ("keys", "other-keys"):
            mine = {"AWS_ACCESS_KEY_ID": name, "AWS_SECRET_ACCESS_KEY": name}
            world.kube.put(secret(name, mine))
        world.kube.put(secret("signing", {"secret": "s" * 32}))
        world.kube.put(secret("client", {"clientSecret": "one", "other": "two"}))
        world.kube.put(secret("other-client", {"clientSecret": "three"}))
        world.kube.put(secret("chosen", {"password": "correct horse"}, "kubernetes.io/basic-auth"))
        yield world, calls


def secret(name: str, data: dict[str, str], its_type: str = "Opaque") -> Manifest:
    metadata = {"name": name, "namespace": "packages"}
    return {"kind": "Secret", "metadata": metadata, "type": its_type, "data": encoded(data)}


class Recorder:
    """Notes what clients ask of AWS, where, and with whose key."""

    def __init__(self) -> None:
        self.calls: dict[str, set[str]] = defaultdict(set)

    def listen(self, client: Any) -> None:
        """Note the calls of a client; botocore emits these events for each."""
        parameters: list[Any] = []

        def begin(params: dict[str, Any], **_: Any) -> None:
            parameters[:] = [copy.deepcopy(params)]

        def send(request: Any, event_name: str, **_: Any) -> None:
            service, operation = event_name.split(".")[1:]
            if operation == "CreateAccessKey":
                # moto's documented way: each key is the same one, however much was random before.
                requests.post("http://motoapi.amazonaws.com/moto-api/seed?a=1", timeout=HANG_SECONDS)
            if operation != "PutObject" or not parameters[0]["Key"].endswith("wheelyard.json"):
                (key,) = re.findall(r"Credential=([^/]+)/", str(request.headers["Authorization"]))
                place = (client.meta.endpoint_url, client.meta.region_name)
                asked = json.dumps([operation, parameters[0], *place, key], default=str, sort_keys=True)
                self.calls[service.upper()].add(asked)

        client.meta.events.register_first("provide-client-params", begin)
        client.meta.events.register_first("before-send", send)


RECORDER = Recorder()


def effects_of(world: World) -> Effects:
    effects: Effects = defaultdict(dict)
    for (kind, _, name), body in world.kube.objects.items():
        told = copy.deepcopy({key: value for key, value in body.items() if key != "status"})
        for unimportant in ("uid", "resourceVersion", "generation", "managedFields"):
            told["metadata"].pop(unimportant, None)
        # A digest of all the rest.
        told["metadata"].get("annotations", {}).pop(APPLIED, None)
        for place, value in parts(kind, name, told, body.get("status")):
            effects[place][name] = value
    return effects


STATUSES = {INDEX: "index status", USER: "user status", EXCEPTION: "exception status"}


def parts(kind: str, name: str, told: Manifest, status: Any) -> Iterator[tuple[str, Any]]:
    """Yield the parts of an object by the names in cases."""
    if kind in STATUSES:
        yield STATUSES[kind], (status, told["metadata"].get("finalizers"))
    elif kind == "ConfigMap" and "policy.yaml" in told["data"]:
        yield "policy.yaml", (yaml.safe_load(told["data"]["policy.yaml"]), told["metadata"].get("annotations"))
    elif kind == "ConfigMap":
        yield "index.yaml", yaml.safe_load(told["data"]["index.yaml"])
    elif kind == "Deployment":
        yield "pods", told["spec"].pop("template")
        yield kind, told
    elif name == "wheelyard-main-access":
        yield "access file", json.loads(unpacked(told))
        yield "sessions", yaml.safe_load(decoded(told, "sessions.yaml"))
    elif kind == "Secret" and USER_LABEL in told["metadata"].get("labels", {}):
        yield "logins", {key: decoded(told, key) for key in told["data"]}
    else:
        yield kind, told
