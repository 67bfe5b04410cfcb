"""A real API server for all tests of this folder: no kubelet, no containers, no root."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from kubernetes.config import new_client_from_config

from apiserver.world import Cloud, World
from cluster import ApiServer, S3Server, apiserver, tools
from support.rest import Rest
from wheelyard_operator.kube import RealKube

KUBERNETES = {"newest": tools.KUBERNETES, "oldest": tools.OLDEST_API_SERVER}
"""The ends of the range that Wheelyard supports."""


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Run the API server that the environment variable KUBERNETES names; the newest if it is unset."""
    kubernetes = KUBERNETES[os.environ.get("KUBERNETES", "newest")]
    with apiserver.running(tmp_path_factory.mktemp("apiserver"), kubernetes) as server:
        yield server


@pytest.fixture(scope="session")
def rest(api: ApiServer) -> Iterator[Rest]:
    """Act as a person, or as a controller that is not here."""
    with closing(Rest(api.url, api.certificate, api.token)) as client:
        yield client


@pytest.fixture(scope="session")
def kube(api: ApiServer) -> RealKube:
    """Talk to it as the operator does."""
    return RealKube(new_client_from_config(str(api.kubeconfig)))


@pytest.fixture
def namespace(rest: Rest) -> str:
    """Make a namespace of the test's own; nothing here would remove it."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    rest.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


@pytest.fixture
def new_world(
    kube: RealKube, rest: Rest, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], World]:
    """Make worlds, each with a namespace and a bucket of its own."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)

    cloud = Cloud(s3_server)

    def new() -> World:
        name = f"w-{uuid.uuid4().hex[:8]}"
        rest.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        return World(kube, rest, cloud, name)

    return new
