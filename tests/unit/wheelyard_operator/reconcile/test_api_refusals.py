"""Whatever write the API server refuses, of whatever child.

The resource says so, and goes on once it is taken.
"""

from typing import Any

import pytest

from unit.wheelyard_operator.fakes import condition, index_body, server_pod, user_body
from unit.wheelyard_operator.reconcile.world import JENKINS, MAIN, World
from wheelyard_operator.desired.common import decoded, encoded
from wheelyard_operator.kube import ApiError
from wheelyard_operator.provision.iam import user_name
from wheelyard_operator.resource import ROTATE_ANNOTATION, USER, Key, Manifest, PackageIndex

EVERYTHING: dict[str, Any] = {
    "autoscaling": {"minReplicas": 2, "maxReplicas": 5},
    "networkPolicy": {},
    "ingress": {"host": "pypi.example.com"},
    "httpRoute": {"hostnames": ["pypi.example.com"], "parentRefs": [{"name": "gateway"}]},
    "monitoring": {"serviceMonitor": {}},
}
CHILDREN = [
    ("ConfigMap", "wheelyard-main", "Ready"),
    ("Deployment", "wheelyard-main", "Ready"),
    ("HTTPRoute", "wheelyard-main", "Exposed"),
    ("HorizontalPodAutoscaler", "wheelyard-main", "Ready"),
    ("Ingress", "wheelyard-main", "Exposed"),
    ("NetworkPolicy", "wheelyard-main", "Ready"),
    ("PackageIndex", "main", "Ready"),
    ("PersistentVolumeClaim", "wheelyard-main", "StorageReady"),
    ("Pod", "p", "AccessInForce"),
    ("PodDisruptionBudget", "wheelyard-main", "Ready"),
    ("Secret", "jenkins-pypi", "Ready"),
    ("Secret", "wheelyard-main-access", "AccessInForce"),
    ("Secret", "wheelyard-main-storage", "CredentialsReady"),
    ("Service", "wheelyard-main", "Ready"),
    ("ServiceAccount", "wheelyard-main", "Ready"),
    ("ServiceMonitor", "wheelyard-main", "Monitored"),
]
QUOTA = 'secrets "x" is forbidden: exceeded quota: q, requested: secrets=1, used: secrets=3, limited: secrets=3'


def an_estate(world: World, *, on_volume: bool = False) -> None:
    """Put an index that has every kind of child, a server of it, and a user."""
    world.boot(allowed_hosts=("pypi.example.com",))
    volume: dict[str, Any] = {"storage": {"volume": {"size": "1Gi"}}, "replicas": 1} if on_volume else {}
    spec = {name: value for name, value in EVERYTHING.items() if not (on_volume and name == "autoscaling")}
    world.kube.put(index_body(spec=spec, **volume))
    world.kube.put(user_body())
    world.kube.put(server_pod())


def refusing(world: World, kind: str, name: str, error: ApiError) -> None:
    """Have writes of one object refused, but those of a status: it is where this is said."""

    def refusal(verb: str, its_kind: str, its_name: str) -> ApiError | None:
        return error if (its_kind, its_name) == (kind, name) and "status" not in verb else None

    world.kube.refusal = refusal


def owner(name: str) -> Key:
    return JENKINS if name == "jenkins-pypi" else MAIN


def told(world: World, key: Key, kind: str) -> Manifest:
    return condition(world.get(key.kind, key.name), kind)


def test_no_kind_of_child_is_left_out(world: World) -> None:
    for on_volume in (False, True):
        an_estate(world, on_volume=on_volume)
        world.settle(MAIN, JENKINS)
    written = {tuple(each.split()[-2:]) for each in world.kube.writes if "status" not in each}
    assert written == {(kind, name) for kind, name, _ in CHILDREN} | set()


@pytest.mark.parametrize(("kind", "name", "says"), CHILDREN)
def test_a_refusal_is_a_condition_with_the_servers_message(world: World, kind: str, name: str, says: str) -> None:
    an_estate(world, on_volume=kind == "PersistentVolumeClaim")
    refusing(world, kind, name, ApiError(403, QUOTA))
    world.settle(MAIN, JENKINS)
    key = owner(name)
    for condition_type in {says, "Stalled"} | ({"Ready"} if says != "Monitored" else set()):
        found = told(world, key, condition_type)
        status = "True" if condition_type == "Stalled" else "False"
        if says == "Monitored" and condition_type == "Stalled":
            continue
        assert (found["status"], found["reason"]) == (status, "ApplyRefused"), found
        assert QUOTA in found["message"]
        assert f"{kind} packages/{name}" in found["message"]
    world.kube.writes.clear()
    world.settle(MAIN, JENKINS)
    assert [each for each in world.kube.writes if "status" in each] == [], "it is said once"
    world.kube.refusal = lambda *_: None
    if kind == "PersistentVolumeClaim":
        world.settle(MAIN, JENKINS)
        world.kube.objects["PersistentVolumeClaim", "packages", name]["status"] = {"phase": "Bound"}
    world.settle(MAIN, JENKINS)
    assert "ApplyRefused" not in str(world.get(key.kind, key.name)["status"])


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            ApiError(422, 'Secret "x" is invalid: data: Forbidden: field is immutable when `immutable` is set'),
            "Delete it",
        ),
        (ApiError(413, "Request entity too large: limit is 3145728"), "limit is 3145728"),
        (ApiError(409, 'admission webhook "w.example" denied the request: no'), "denied the request: no"),
        (ApiError(500, 'Internal error occurred: failed calling webhook "w.example": refused'), "w.example"),
        (ApiError(403, "ValidatingAdmissionPolicy 'p' denied request: " + "long\n" * 50_000), "long long"),
    ],
)
def test_a_refusal_is_quoted_in_one_bounded_line(world: World, error: ApiError, words: str) -> None:
    an_estate(world)
    refusing(world, "Secret", "jenkins-pypi", error)
    world.settle(MAIN, JENKINS)
    message = told(world, JENKINS, "Ready")["message"]
    assert words in message
    assert len(message) < 1300
    assert "\n" not in message


@pytest.mark.parametrize("error", [ApiError(0, "no answer"), ApiError(409, "conflict"), ApiError(503, "later")])
def test_what_passes_by_itself_is_tried_again(world: World, error: ApiError) -> None:
    an_estate(world)
    refusing(world, "Secret", "jenkins-pypi", error)
    world.index()
    with pytest.raises(ApiError):
        world.user()


def rotate(world: World, key: Key) -> None:
    world.kube.objects[key.kind, "packages", key.name]["metadata"]["annotations"] = {ROTATE_ANNOTATION: "now"}


IMMUTABLE = ApiError(422, 'Secret "x" is invalid: data: Forbidden: field is immutable when `immutable` is set')


def test_a_token_whose_rotation_is_refused_is_not_ready_and_works_on(world: World) -> None:
    an_estate(world)
    world.settle(MAIN, JENKINS)
    before, status = world.get("Secret", "jenkins-pypi"), world.get(USER, "jenkins")["status"]
    refusing(world, "Secret", "jenkins-pypi", IMMUTABLE)
    rotate(world, JENKINS)
    world.settle(MAIN, JENKINS)
    assert world.reason(JENKINS) == "ApplyRefused"
    after = world.get(USER, "jenkins")["status"]
    assert (after["tokenIssued"], after["secretName"]) == (status["tokenIssued"], "jenkins-pypi"), "what there is"
    assert world.get("Secret", "jenkins-pypi") == before
    world.kube.refusal = lambda *_: None
    for _ in range(3):
        world.settle(MAIN, JENKINS)
    assert world.reason(JENKINS) == "LoginInForce"
    assert decoded(world.get("Secret", "jenkins-pypi"), "password") != decoded(before, "password")


def test_a_key_whose_rotation_is_refused_is_not_ready_and_no_key_is_made(world: World) -> None:
    world.kube.put(index_body())
    world.settle(MAIN)
    made = keys(world)
    refusing(world, "Secret", "wheelyard-main-storage", IMMUTABLE)
    rotate(world, MAIN)
    for _ in range(3):
        world.settle(MAIN)
    assert keys(world) == made
    assert world.reason() == world.reason(kind="CredentialsReady") == "ApplyRefused"
    assert told(world, MAIN, "Available")["status"] == "True", "what serves, serves"
    world.kube.refusal = lambda *_: None
    for _ in range(3):
        world.settle(MAIN)
    assert keys(world) != made
    assert len(keys(world)) == 1


def keys(world: World) -> list[str]:
    name = user_name(PackageIndex.parse(world.get("PackageIndex", "main")))
    return [each["AccessKeyId"] for each in world.clients.iam.list_access_keys(UserName=name)["AccessKeyMetadata"]]


def test_rights_that_cannot_be_written_are_not_in_force(world: World) -> None:
    an_estate(world)
    world.settle(MAIN, JENKINS)
    refusing(world, "Secret", "wheelyard-main-access", IMMUTABLE)
    world.kube.put(user_body("late"))
    late = Key(USER, "packages", "late")
    world.settle(MAIN, JENKINS, late)
    assert told(world, MAIN, "AccessInForce")["reason"] == "ApplyRefused"
    assert told(world, MAIN, "Available")["status"] == "True"
    assert told(world, late, "Ready")["reason"] == "AccessPending"
    assert "needs an action" in told(world, late, "Ready")["message"]


def forbidden(kind: str, *_: Any, **__: Any) -> Any:
    raise ApiError(403, f"{kind} is forbidden: the operator may not")


def test_what_the_operator_may_not_read_is_a_condition_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    an_estate(world)
    world.settle(MAIN, JENKINS)
    monkeypatch.setattr(world.kube, "list", forbidden)
    world.index()
    world.user()
    for key in (MAIN, JENKINS):
        assert told(world, key, "Stalled")["status"] == "True"
        assert "may not" in told(world, key, "Ready")["message"]
    assert told(world, MAIN, "Available")["status"] == "True", "what was known stays"


def ending(world: World) -> None:
    world.kube.objects["Namespace", "", "packages"]["metadata"]["deletionTimestamp"] = "now"


TERMINATING = ApiError(403, "it is being terminated", causes=frozenset({"NamespaceTerminating"}))


@pytest.mark.parametrize(
    "gone", ["Secret wheelyard-main-access", "Deployment wheelyard-main", "Service wheelyard-main"]
)
def test_no_action_is_needed_in_a_namespace_being_deleted(world: World, gone: str) -> None:
    kind, name = gone.split()
    an_estate(world)
    world.settle(MAIN, JENKINS)
    ending(world)
    del world.kube.objects[kind, "packages", name]
    world.kube.refusal = lambda verb, *_: TERMINATING if verb == "apply" else None
    world.settle(MAIN, JENKINS)
    for key in (MAIN, JENKINS):
        assert told(world, key, "Stalled")["status"] == "False"
    assert world.reason() == "NamespaceTerminating"


def test_a_user_whose_index_went_first_does_not_ask_for_it(world: World) -> None:
    an_estate(world)
    world.settle(MAIN, JENKINS)
    del world.kube.objects["PackageIndex", "packages", "main"]
    ending(world)
    assert (world.user().after or 0) > 10, "it may be ending for days"
    assert (told(world, JENKINS, "Ready")["reason"], told(world, JENKINS, "Stalled")["status"]) == (
        "NamespaceTerminating",
        "False",
    )


def test_a_given_secret_that_went_first_is_not_asked_for(world: World) -> None:
    data = encoded({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": ""})
    world.kube.put(index_body(s3__provision={}, s3__credentials={"secretRef": {"name": "keys"}}))
    world.kube.put({"kind": "Secret", "metadata": {"name": "keys", "namespace": "packages"}, "data": data})
    world.index()
    assert told(world, MAIN, "Stalled")["status"] == "True"
    ending(world)
    world.index()
    assert told(world, MAIN, "Stalled")["status"] == "False"
