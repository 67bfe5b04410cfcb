"""The users of an index, as the plugin and the operator read them from a real API server."""

import uuid

from support.rest import Rest
from unit.wheelyard_operator.fakes import index_body
from wheelyard_operator.kube import Kube
from wheelyard_operator.observe import read_bodies
from wheelyard_operator.resource import API_VERSION, USER, Manifest, PackageIndex


def user(name: str, namespace: str, index: str, index_namespace: str | None = None) -> Manifest:
    """Return a user of an index; without `index_namespace`, of its own namespace."""
    reference = {"name": index, **({"namespace": index_namespace} if index_namespace else {})}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": API_VERSION, "kind": USER, "metadata": metadata, "spec": {"indexRef": reference}}


def names(bodies: list[Manifest], *namespaces: str) -> set[str]:
    """Return the names of users in these namespaces: other tests have users, too."""
    return {each["metadata"]["name"] for each in bodies if each["metadata"]["namespace"] in namespaces}


def test_only_the_users_of_an_index_are_read(kube: Kube, rest: Rest, namespace: str) -> None:
    far = f"t-{uuid.uuid4().hex[:8]}"
    rest.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": far}})
    kube.create(user("short", namespace, "main"))
    kube.create(user("long", namespace, "main", namespace))
    kube.create(user("other", namespace, "second"))
    kube.create(user("far", far, "main", namespace))
    kube.create(user("stranger", far, "main"))
    index = PackageIndex.parse(index_body("main", namespace))
    assert names(read_bodies(kube, USER, index, namespace), namespace, far) == {"short", "long"}
    assert names(read_bodies(kube, USER, index), namespace, far) == {"short", "long", "far"}
