"""Whatever the operator writes, the server reads to the same values: docs/contract.md."""

import re
import secrets
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelyard_operator import tokens as operator_tokens
from wheelyard_operator.desired.access_file import Login, access_file
from wheelyard_operator.desired.index_file import EXTERNAL_PORT, PORT, index_file
from wheelyard_operator.resource import IndexUser, PackageIndex
from wheelyard_operator.settings import Settings
from wheelyard_server import settings as server_settings
from wheelyard_server.access import file as server_access
from wheelyard_server.access import tokens as server_tokens
from wheelyard_server.access.authenticate import authenticate
from wheelyard_server.access.rules import ANONYMOUS, Verb
from wheelyard_server.names import parse_project_name

OPERATOR = Settings(image="image", region="eu-west-1", s3_endpoint="http://s3.example")
NAMES = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)


def resource(kind: str, name: str, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "wheelyard.dev/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "uid": "1", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": spec,
    }


def index(name: str = "main", namespace: str = "packages", **spec: Any) -> PackageIndex:
    storage = {"s3": {"bucket": "acme", "provision": {"bucket": True, "user": True}, **spec.pop("s3", {})}}
    return PackageIndex.parse(resource("PackageIndex", name, namespace, {"storage": storage, **spec}))


def user(name: str, namespace: str, **spec: Any) -> IndexUser:
    return IndexUser.parse(resource("IndexUser", name, namespace, {"indexRef": {"name": "main"}, **spec}))


@given(
    name=NAMES,
    namespace=NAMES,
    prefix=st.sampled_from(["", "team/", "a/b/"]),
    region=st.sampled_from(["", "us-west-2"]),
    endpoint=st.sampled_from(["", "https://minio.example:9000"]),
)
def test_index_yaml(name: str, namespace: str, prefix: str, region: str, endpoint: str) -> None:
    written = index_file(
        index(name, namespace, s3={"prefix": prefix, "region": region, "endpoint": endpoint}), OPERATOR
    )
    read = server_settings.parse(written.encode())
    assert read.index == f"{namespace}/{name}"
    assert read.storage.folder is None
    assert read.storage.s3 == server_settings.S3(
        bucket="acme", prefix=prefix, region=region or "eu-west-1", endpoint=endpoint or "http://s3.example"
    )
    assert read.listeners.cluster == server_settings.Listener(host="0.0.0.0", port=PORT)  # noqa: S104
    assert read.listeners.external == server_settings.Listener(host="0.0.0.0", port=EXTERNAL_PORT)  # noqa: S104
    assert (read.access_file, read.scratch_folder) == (Path("/etc/wheelyard/access/access.yaml"), Path("/scratch"))
    assert read.cache == server_settings.Cache(folder=Path("/cache"), max_bytes=5 * server_settings.GIB)
    assert read.limits == server_settings.Limits()
    assert read.freshness == server_settings.Freshness()
    assert (read.shutdown.drain_seconds, read.shutdown.grace_seconds) == (5, 300)


def test_index_yaml_says_how_to_serve() -> None:
    made = index(
        freshness={"freshSeconds": 2, "staleSeconds": 60},
        limits={"fileSize": "500Mi", "metadataSize": "1Mi", "projectFiles": 10},
        cache={"size": "123456"},
    )
    read = server_settings.parse(index_file(made, OPERATOR).encode())
    assert read.cache is not None
    assert read.cache.max_bytes == 123456
    assert read.limits == server_settings.Limits(
        file_bytes=500 * 2**20, metadata_bytes=2**20, project_files=10, scratch_bytes=2000 * 2**20
    )
    assert (read.freshness.fresh_seconds, read.freshness.stale_seconds) == (2, 60)


def test_access_yaml() -> None:
    token = operator_tokens.new_token(secrets.token_bytes)
    jenkins = user(
        "jenkins", "ci", groups=["publishers"], grants=[{"packages": ["acme-*"], "verbs": ["read", "publish"]}]
    )
    group = {
        "subjects": ["group:publishers"],
        "packages": ["shared"],
        "verbs": ["publish", "yank", "delete", "manage"],
    }
    outside = [{"subjects": ["authenticated"], "verbs": ["read"], "packages": ["shared"]}]
    main = index(
        access={"grants": [{"subjects": ["anonymous"], "verbs": ["read"]}, group], "externalGrants": outside}
    )
    rules = server_access.parse(access_file(main, [Login(jenkins, operator_tokens.digest(token))]).encode())
    principal = authenticate(f"Bearer {token}", rules)
    assert principal.name == "ci.jenkins"
    acme, shared, other = (parse_project_name(name) for name in ("acme-lib", "shared", "other"))
    for project, publishes in ((acme, True), (shared, True), (other, False)):
        assert rules.allows(principal, Verb.PUBLISH, project) is publishes
        assert rules.allows(principal, Verb.READ, project)
        assert rules.allows(ANONYMOUS, Verb.READ, project)
        assert not rules.allows(ANONYMOUS, Verb.PUBLISH, project)
        assert not rules.external.allows(ANONYMOUS, Verb.READ, project)
        assert rules.external.allows(principal, Verb.READ, project) is publishes


@pytest.mark.parametrize("names", [(), ("a",), ("a", "b")])
def test_an_access_file_without_rights_is_one_too(names: tuple[str, ...]) -> None:
    logins = [
        Login(user(name, "ci"), operator_tokens.digest(operator_tokens.new_token(secrets.token_bytes)))
        for name in names
    ]
    rules = server_access.parse(access_file(index(), logins).encode())
    assert len(rules.principals_by_token) == len(names)
    assert rules.grants == ()


def test_tokens_are_the_same_on_both_sides() -> None:
    for _ in range(200):
        for token in (operator_tokens.new_token(secrets.token_bytes), server_tokens.make()):
            assert server_tokens.is_well_formed(token)
            assert operator_tokens.is_token(token)
            assert operator_tokens.digest(token) == server_tokens.digest(token)
        broken = token[:-1] + ("0" if token[-1] != "0" else "1")
        assert not server_tokens.is_well_formed(broken)
        assert not operator_tokens.is_token(broken)


def test_the_examples_of_the_contract_are_what_the_server_reads() -> None:
    text = (Path(__file__).parents[2] / "docs/contract.md").read_text()
    index_yaml, limits, access_yaml = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    read = server_settings.parse(index_yaml.encode())
    assert read.index == "packages/main"
    storage = index_yaml.replace(re.findall(r"limits: .*", index_yaml)[0], limits)
    assert server_settings.parse(storage.encode()).limits == server_settings.Limits()
    access = access_yaml.replace("sha256:9f86d0...", "sha256:" + "0" * 64)
    assert server_access.parse(access.encode()).grants[0].subjects == ("anonymous",)
