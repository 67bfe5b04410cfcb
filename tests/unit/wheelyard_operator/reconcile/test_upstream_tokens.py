import json
from contextlib import ExitStack
from typing import Any

import pytest

from unit.wheelyard_operator.fakes import CrashError, Fuse, condition, index_body, own_credentials
from unit.wheelyard_operator.reconcile.world import MAIN, World
from wheelyard_operator.condition_types import UPSTREAMS_READY
from wheelyard_operator.desired.common import decoded, encoded
from wheelyard_operator.egress import EgressSettings, Host
from wheelyard_operator.kube import ApiError
from wheelyard_operator.problems import Problem
from wheelyard_operator.provision.errors import unreachable
from wheelyard_operator.reconcile.endpoints import MAX_AT_ONCE, Service
from wheelyard_operator.resource import Manifest
from wheelyard_operator.times import later

SECRET = "wheelyard-main-upstreams"
ROLE = "arn:aws:iam::111122223333:role/wheelyard-packages"
EGRESS = EgressSettings(
    (Host("", "*.example", ""),), allowed_roles=("arn:aws:iam::111122223333:role/wheelyard-{namespace}",)
)


def upstream(name: str = "partner", role: str = "", **domain: str) -> Manifest:
    artifact = {"domain": "acme", "domainOwner": "111122223333", "region": "eu-west-1", "roleARN": role, **domain}
    return {"name": name, "url": f"https://{name}.example/simple/", "credentials": {"codeArtifact": artifact}}


@pytest.fixture
def stage(world: World) -> World:
    world.boot(egress=EGRESS)
    world.clients.own_s3("us-east-1").create_bucket(Bucket="acme")
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    world.kube.put({"kind": "Secret", "metadata": {"name": "keys", "namespace": "packages"}, "data": encoded(keys)})
    return world


def put(world: World, *upstreams: Manifest, **changes: Any) -> None:
    body = index_body(**{**own_credentials(), **changes})
    body["spec"]["upstreams"] = list(upstreams)
    live = world.kube.objects.get((MAIN.kind, MAIN.namespace, MAIN.name))
    body["metadata"] |= {"uid": live["metadata"]["uid"] if live else "uid-of-main"}
    world.kube.put(body)


def token(world: World, name: str = "partner") -> str:
    return decoded(world.get("Secret", SECRET), f"{name}.password")


def found(world: World) -> tuple[str, str, str]:
    live = condition(world.get(MAIN.kind, MAIN.name), UPSTREAMS_READY)
    return live["status"], live["reason"], live["message"]


def test_a_token_is_fetched_with_the_indexs_own_key(stage: World) -> None:
    stage.code_artifact.may_read = {("acme", "testing")}
    put(stage, upstream())
    stage.settle()
    assert "for testing" in token(stage)
    assert decoded(stage.get("Secret", SECRET), "partner.username") == "aws"
    assert len(stage.code_artifact.asked) == 1


def test_a_token_is_fetched_with_the_key_that_the_operator_made_for_the_index(stage: World) -> None:
    stage.code_artifact.refuses = False
    put(stage, upstream(), s3__provision={"bucket": True, "user": True}, s3__credentials=None)
    stage.settle()
    made = decoded(stage.get("Secret", "wheelyard-main-storage"), "AWS_ACCESS_KEY_ID")
    assert {reader for _, reader in stage.code_artifact.asked} == {made}
    assert made != "testing"


def test_a_role_gets_the_name_of_the_index_as_its_external_id(stage: World) -> None:
    stage.code_artifact.may_read = {("acme", f"{ROLE} packages/main")}
    put(stage, upstream(role=ROLE))
    stage.settle()
    assert ROLE in token(stage)


def test_a_role_of_another_namespace_is_never_assumed(stage: World) -> None:
    stage.code_artifact.refuses = False
    put(stage, upstream(role=f"{ROLE}-b"))
    stage.settle()
    assert found(stage)[:2] == ("False", "RoleNotAllowed")
    assert stage.code_artifact.asked == []
    assert not stage.has("Secret", SECRET)


@pytest.mark.parametrize(
    "storage",
    [
        {"storage": {"volume": {"size": "1Gi"}}, "replicas": 1},
        {"s3__provision": {"bucket": True}, "s3__credentials": {"serviceAccount": {}}},
    ],
    ids=["volume", "role"],
)
def test_an_index_without_a_key_gets_no_token_with_the_operators_rights(stage: World, storage: Manifest) -> None:
    stage.code_artifact.refuses = False
    put(stage, upstream(), **storage)
    stage.settle()
    assert found(stage)[:2] == ("False", "NoAccessKey")
    assert "credentials.codeArtifact.roleARN" in found(stage)[2]
    assert stage.code_artifact.asked == []


def test_a_token_is_renewed_at_half_of_its_life(stage: World) -> None:
    stage.code_artifact.may_read = {("acme", "testing")}
    put(stage, upstream())
    stage.settle()
    first = token(stage)
    stage.now = later(stage.now, 5 * 3600)
    stage.settle()
    assert token(stage) == first
    stage.now = later(stage.now, 3600)
    stage.settle()
    assert token(stage) != first
    assert len(stage.code_artifact.asked) == 2


def test_a_refused_renewal_keeps_the_token_to_its_end_and_is_retried_ever_later(stage: World) -> None:
    stage.code_artifact.may_read = {("acme", "testing")}
    put(stage, upstream())
    stage.settle()
    first = token(stage)
    stage.code_artifact.may_read.clear()
    stage.now = later(stage.now, 7 * 3600)
    for _ in range(60):
        stage.seconds += 60
        stage.index()
    assert token(stage) == first
    assert found(stage)[:2] == ("False", "TokenRefused")
    assert 5 <= len(stage.code_artifact.asked) <= 9
    stage.now = later(stage.now, 5 * 3600)
    stage.index()
    assert token(stage) == ""


def test_a_refused_renewal_says_how_long_the_token_still_works(stage: World) -> None:
    stage.code_artifact.may_read = {("acme", "testing")}
    put(stage, upstream())
    stage.settle()
    expires = json.loads(decoded(stage.get("Secret", SECRET), "wheelyard.json"))["partner"]["expires"]
    stage.code_artifact.may_read.clear()
    stage.now = later(stage.now, 7 * 3600)
    stage.index()
    assert f"The present token works until {expires}." in found(stage)[2]
    stage.now = later(stage.now, 5 * 3600)
    stage.index()
    assert "works until" not in found(stage)[2]


def test_a_token_is_renewed_whatever_is_wrong_with_the_rest(stage: World) -> None:
    stage.code_artifact.may_read = {("acme", "testing")}
    put(stage, upstream())
    stage.settle()
    first = token(stage)
    foreign = stage.get("Service", "wheelyard-main")
    foreign["metadata"].pop("ownerReferences")
    stage.kube.put(foreign)
    stage.now = later(stage.now, 7 * 3600)
    stage.settle()
    assert condition(stage.get(MAIN.kind, MAIN.name), "Ready")["status"] == "False"
    assert token(stage) not in ("", first)
    assert found(stage)[1] != "TokenRefused"


def test_an_upstream_that_is_not_allowed_is_reported_whatever_is_wrong_with_the_rest(stage: World) -> None:
    put(stage, {"name": "b", "url": "https://b.elsewhere/simple/"})
    stage.settle()
    foreign = stage.get("Service", "wheelyard-main")
    foreign["metadata"].pop("ownerReferences")
    stage.kube.put(foreign)
    stage.index()
    assert found(stage)[:2] == ("False", "HostNotAllowed")


def test_a_token_is_never_kept_for_another_domain(stage: World) -> None:
    stage.code_artifact.may_read = {("acme", "testing")}
    put(stage, upstream())
    stage.settle()
    put(stage, upstream(domain="another-team"))
    stage.settle()
    assert token(stage) == ""
    assert found(stage)[:2] == ("False", "TokenRefused")


def test_one_refused_upstream_costs_no_other(stage: World) -> None:
    stage.code_artifact.may_read = {("acme", "testing")}
    put(stage, upstream("b", domain="another-team"), upstream("a"))
    stage.settle()
    assert (bool(token(stage, "a")), bool(token(stage, "b"))) == (True, False)
    assert stage.reason() != "TokenRefused"


def test_silent_regions_together_get_half_of_the_workers(stage: World) -> None:
    """A tenant may name all regions, in many indexes, in a cluster that reaches none."""
    stage.code_artifact.refuses = False
    with ExitStack() as waiting:
        for number in range(MAX_AT_ONCE):
            region = Service(f"codeartifact region-{number}", UPSTREAMS_READY, "CodeArtifact")
            waiting.enter_context(stage.token_endpoints.conversation(Service("codeartifact", "", ""), region))
        put(stage, upstream(), upstream("other"))
        stage.settle()
        assert stage.code_artifact.asked == []
        assert stage.has("Deployment", "wheelyard-main")
    stage.index()
    assert len(stage.code_artifact.asked) == 2


def test_a_region_that_does_not_answer_silences_no_other(stage: World) -> None:
    stage.code_artifact.refuses = False
    region = Service("codeartifact us-east-1", UPSTREAMS_READY, "CodeArtifact")
    with pytest.raises(Problem), stage.token_endpoints.conversation(Service("codeartifact", "", ""), region):
        raise unreachable(UPSTREAMS_READY, "CodeArtifact")
    put(stage, upstream(), upstream("other", region="us-east-1"))
    stage.index()
    assert (bool(token(stage)), token(stage, "other")) == (True, "")


def test_a_region_that_aws_does_not_have_is_not_asked(stage: World) -> None:
    put(stage, upstream(region="nowhere-1"))
    stage.settle()
    assert found(stage)[:2] == ("False", "RegionUnknown")
    assert stage.code_artifact.asked == []


def test_the_secret_goes_with_the_last_upstream_that_needs_it(stage: World) -> None:
    stage.code_artifact.refuses = False
    put(stage, upstream())
    stage.settle()
    put(stage, {"name": "pypi", "pypi": {}})
    stage.settle()
    assert not stage.has("Secret", SECRET)


def test_a_secret_of_somebody_else_is_not_touched_and_no_token_is_fetched(stage: World) -> None:
    stage.kube.put({"kind": "Secret", "metadata": {"name": SECRET, "namespace": "packages"}, "data": {}})
    stage.code_artifact.refuses = False
    put(stage, upstream())
    stage.settle()
    assert found(stage)[0] == "False"
    assert stage.code_artifact.asked == []
    put(stage)
    stage.settle()
    assert stage.has("Secret", SECRET)


def test_no_token_is_fetched_that_could_not_be_written(stage: World) -> None:
    stage.code_artifact.refuses = False
    refusal = ApiError(403, "exceeded quota")
    stage.kube.refusal = lambda *what: refusal if what[2] == SECRET else None
    put(stage, upstream())
    stage.settle()
    assert stage.code_artifact.asked == []
    assert found(stage)[0] == "False"
    assert stage.has("Deployment", "wheelyard-main")


@pytest.mark.parametrize(
    "data", [{"partner.password": "eA=="}, {"wheelyard.json": "eA=="}, {"wheelyard.json": "W10="}]
)
def test_a_damaged_secret_is_written_again(stage: World, data: dict[str, str]) -> None:
    stage.code_artifact.refuses = False
    put(stage, upstream())
    stage.settle()
    live = stage.get("Secret", SECRET)
    stage.kube.put({**live, "data": data})
    stage.settle()
    assert "for testing" in token(stage)


def test_a_kill_at_any_write_ends_in_the_same_state(stage: World) -> None:
    stage.code_artifact.refuses = False
    for writes in range(1, 40):
        put(stage, upstream())
        stage.boot(Fuse(writes))
        try:
            stage.settle()
        except CrashError:
            stage.boot()
            stage.settle()
            assert "for testing" in token(stage)
            for name in (SECRET,):
                stage.kube.objects.pop(("Secret", "packages", name))
        else:
            break
    else:
        pytest.fail("it never came to an end")


def test_a_secret_that_an_upstream_names_must_have_a_login(stage: World) -> None:
    named = {"name": "partner", "url": "https://partner.example/", "credentials": {"secretRef": {"name": "login"}}}
    put(stage, named)
    stage.settle()
    assert found(stage)[:2] == ("False", "SecretNotFound")
    assert "Secret login does not exist in namespace packages" in found(stage)[2]
    secret = {"kind": "Secret", "metadata": {"name": "login", "namespace": "packages"}}
    for data, reason in (
        ({"username": "me"}, "SecretKeyMissing"),
        ({"username": "me", "password": "secret"}, "NotKnown"),
        ({"token": "secret"}, "NotKnown"),
        ({"tls.crt": "a", "tls.key": "b"}, "NotKnown"),
    ):
        stage.kube.put({**secret, "data": encoded(data)})
        stage.settle()
        assert found(stage)[1] == reason
    assert "secret" not in stage.get("ConfigMap", "wheelyard-main")["data"]["index.yaml"].replace("secretRef", "")
