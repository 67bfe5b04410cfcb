"""A child that was deleted or changed by hand is back within 30 s, and what others own of it stays.

The operator runs as the program that it is, and finds out by its watches: a resync would come too
late.
"""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from apiserver.world import exists, run_cluster
from cluster import ApiServer, S3Server
from cluster.versitygw import free_port
from support.patience import HANG_SECONDS
from support.rest import Manifest, Rest
from wheelyard_operator.resource import API_VERSION, INDEX, MANAGED_BY_LABEL, OPERATOR, USER

PLACE = "drift"
CHILDREN = [
    ("Deployment", "wheelyard-main"),
    ("ConfigMap", "wheelyard-main"),
    ("Secret", "wheelyard-main-access"),
    ("Secret", "wheelyard-main-storage"),
    ("Secret", "jenkins-pypi"),
    ("Service", "wheelyard-main"),
    ("ServiceAccount", "wheelyard-main"),
    ("PodDisruptionBudget", "wheelyard-main"),
    ("PersistentVolumeClaim", "wheelyard-volume"),
]
FOREIGN = {"labels": {"team": "a"}, "annotations": {"team.example/note": "ours"}}
CHANGES: list[tuple[str, str, Manifest]] = [
    ("Deployment", "wheelyard-main", {"spec": {"replicas": 7}}),
    ("Deployment", "wheelyard-main", {"spec": {"strategy": {"rollingUpdate": {"maxUnavailable": 1}}}}),
    ("ConfigMap", "wheelyard-main", {"data": {"index.yaml": "storage: {}"}}),
    ("Secret", "wheelyard-main-access", {"data": {"access.json.gz": "e30="}}),
    ("Service", "wheelyard-main", {"spec": {"selector": {"wheelyard.dev/index": "other"}}}),
    ("PodDisruptionBudget", "wheelyard-main", {"spec": {"maxUnavailable": 2}}),
]


@pytest.fixture(scope="module")
def place(
    api: ApiServer, rest: Rest, s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rest]:
    """Run the operator with an index in S3, one on a volume, and a user, all of them ready."""
    metadata = {"name": PLACE}
    rest.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    bucket = {"bucket": PLACE, "provision": {"bucket": True, "user": True}}
    create(rest, INDEX, "main", {"storage": {"s3": bucket}, "replicas": 2})
    create(
        rest, INDEX, "volume", {"storage": {"volume": {"size": "1Gi"}}, "replicas": 1, "deletionPolicy": "Delete"}
    )
    create(rest, USER, "jenkins", {"indexRef": {"name": "main"}})
    log = tmp_path_factory.mktemp("operator") / "log"
    with operator(api, s3_server, log):
        for each in ((INDEX, "main"), (INDEX, "volume"), (USER, "jenkins")):
            eventually(partial(is_ready, rest, *each), f"{each} is ready; see {log}")
        yield rest


@contextmanager
def operator(api: ApiServer, s3_server: S3Server, log: Any) -> Iterator[None]:
    settings = {
        "KUBECONFIG": str(api.kubeconfig),
        "WHEELYARD_IMAGE": "registry.example/wheelyard:1",
        "WHEELYARD_ALLOWED_BUCKETS": "*",
        "WHEELYARD_NAMESPACES": PLACE,
        "WHEELYARD_HEALTH_ENDPOINT": f"http://127.0.0.1:{free_port()}/healthz",
    }
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "wheelyard_operator"],
            env={**os.environ, **s3_server.environment(), **settings},
            stdout=output,
            stderr=output,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(HANG_SECONDS)


def create(rest: Rest, kind: str, name: str, spec: Manifest) -> None:
    metadata = {"name": name, "namespace": PLACE}
    rest.create({"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec})


def eventually(condition: Callable[[], bool], what: str, seconds: float = HANG_SECONDS) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.1)


def is_ready(rest: Rest, kind: str, name: str) -> bool:
    run_cluster(rest, PLACE)
    conditions = rest.get(kind, PLACE, name).get("status", {}).get("conditions", ())
    return any((each["type"], each["status"]) == ("Ready", "True") for each in conditions)


def covers(live: Any, part: Any) -> bool:
    if isinstance(part, dict):
        return isinstance(live, dict) and all(covers(live.get(key), value) for key, value in part.items())
    return bool(live == part)


def values_of(live: Any, patch: Any) -> Any:
    """Return what stands at the places of a patch."""
    return {key: values_of(live[key], value) for key, value in patch.items()} if isinstance(patch, dict) else live


@pytest.mark.parametrize(("kind", "name"), CHILDREN)
def test_a_deleted_child_comes_back(place: Rest, kind: str, name: str) -> None:
    uid = place.get(kind, PLACE, name)["metadata"]["uid"]
    if kind == "PersistentVolumeClaim":
        # No controller is here to take the finalizer away that protects it.
        place.merge(place.get(kind, PLACE, name), {"metadata": {"finalizers": None}})
    place.delete(kind, PLACE, name)
    eventually(
        lambda: exists(place, kind, PLACE, name) and place.get(kind, PLACE, name)["metadata"]["uid"] != uid,
        f"{kind} {name} is back",
    )


@pytest.mark.parametrize(("kind", "name"), CHILDREN)
def test_a_label_by_which_it_is_found_comes_back_and_those_of_others_stay(
    place: Rest, kind: str, name: str
) -> None:
    labels = {**FOREIGN["labels"], MANAGED_BY_LABEL: None}
    place.merge(place.get(kind, PLACE, name), {"metadata": {**FOREIGN, "labels": labels}})
    wanted = {"metadata": {**FOREIGN, "labels": {**FOREIGN["labels"], MANAGED_BY_LABEL: OPERATOR}}}
    eventually(lambda: covers(place.get(kind, PLACE, name), wanted), f"the label of {kind} {name}")


@pytest.mark.parametrize(("kind", "name", "patch"), CHANGES)
def test_a_changed_field_is_put_back(place: Rest, kind: str, name: str, patch: Manifest) -> None:
    before = place.get(kind, PLACE, name)
    wanted = values_of(before, patch)
    changed = place.merge(before, {**patch, "metadata": {**FOREIGN, **patch.get("metadata", {})}})
    assert not covers(changed, wanted)
    eventually(lambda: covers(place.get(kind, PLACE, name), wanted), f"{patch} is undone")
    assert covers(place.get(kind, PLACE, name), {"metadata": FOREIGN}), "what is another's stays"


def test_a_sidecar_and_what_else_others_add_to_pods_stays(place: Rest) -> None:
    live = place.get("Deployment", PLACE, "wheelyard-main")
    template = live["spec"]["template"]
    template["metadata"]["annotations"]["mesh.example/injected"] = "yes"
    template["spec"]["containers"].append({"name": "mesh", "image": "mesh:1"})
    (index, _) = template["spec"]["containers"]
    wanted, index["image"] = index["image"], "evil:1"
    place.replace(live)

    def images() -> dict[str, str]:
        pod = place.get("Deployment", PLACE, "wheelyard-main")["spec"]["template"]["spec"]
        return {each["name"]: each["image"] for each in pod["containers"]}

    eventually(lambda: images() == {"index": wanted, "mesh": "mesh:1"}, "the image is back next to the sidecar")
    after = place.get("Deployment", PLACE, "wheelyard-main")["spec"]["template"]["metadata"]["annotations"]
    assert after["mesh.example/injected"] == "yes"


def test_an_autoscaler_scales_the_index_and_its_servers_follow(place: Rest) -> None:
    """A HorizontalPodAutoscaler writes to the scale subresource; nothing writes it back."""
    index = place.get(INDEX, PLACE, "main")
    place.merge(index, {"spec": {"replicas": 4}}, "/scale")
    eventually(
        lambda: place.get("Deployment", PLACE, "wheelyard-main")["spec"]["replicas"] == 4, "the servers follow"
    )
    assert place.get(INDEX, PLACE, "main")["spec"]["replicas"] == 4


def test_the_pods_annotation_that_brings_the_access_file_in_comes_back(place: Rest) -> None:
    labels = {"wheelyard.dev/index": "main", MANAGED_BY_LABEL: OPERATOR, "pod-template-hash": "abc"}
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "wheelyard-main-abc", "uid": str(uuid.uuid4())}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "server", "namespace": PLACE, "labels": labels, "ownerReferences": [owner]},
        "spec": {"containers": [{"name": "index", "image": "x"}]},
    }

    def annotation() -> str:
        annotations = place.get("Pod", PLACE, "server")["metadata"].get("annotations", {})
        return str(annotations.get("wheelyard.dev/access", ""))

    place.create(pod)
    eventually(lambda: annotation() != "", "the pod is touched")
    first = annotation()
    place.merge(pod, {"metadata": {"annotations": {"wheelyard.dev/access": None}}})
    eventually(lambda: annotation() == first, "the pod is touched again")
    place.delete("Pod", PLACE, "server")
