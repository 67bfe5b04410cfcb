"""Flux's own kustomize-controller and the operator: requests by annotations stay, and happen once."""

import io
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apiserver.world import run_cluster
from cluster import ApiServer, flux
from support.kubectl import eventually
from support.rest import Manifest, Rest
from wheelyard_operator.__main__ import reconciler
from wheelyard_operator.kube import RealKube
from wheelyard_operator.kubectl import commands
from wheelyard_operator.process.calls import Calls
from wheelyard_operator.process.leadership import Alone
from wheelyard_operator.process.metrics import Metrics
from wheelyard_operator.resource import API_VERSION, INDEX, PAUSED_ANNOTATION, ROTATE_ANNOTATION, USER, Key
from wheelyard_operator.settings import Settings
from wheelyard_operator.times import later

SOURCES = "/apis/source.toolkit.fluxcd.io/v1/namespaces/{}/gitrepositories"
KUSTOMIZATIONS = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/{}/kustomizations"


class Estate:
    """An index and a user in Git, Flux, and the operator, whose rounds the test makes."""

    def __init__(self, api: ApiServer, rest: Rest, kube: RealKube, git: flux.Git, namespace: str) -> None:
        self.api = api
        self.rest = rest
        self.git = git
        self.namespace = namespace
        self.index, self.user = Key(INDEX, namespace, "main"), Key(USER, namespace, "jenkins")
        calls = Calls(Alone(), Metrics(), lambda: None)
        made = reconciler(kube, calls, Settings(image="registry.example/wheelyard:1", allowed_buckets=("*",)))
        self.now = "2030-01-01T00:00:00Z"
        self._index = replace(made.index, now=lambda: self.now)
        self._user = replace(made.user, now=lambda: self.now)
        self._declare()

    def commit(self, **index: Any) -> None:
        """Have the index and the user in Git, and have Flux sync."""
        metadata = {"name": "main", "namespace": self.namespace}
        spec = {"storage": {"volume": {"size": "1Gi"}}, "replicas": 1, **index}
        main = {"apiVersion": API_VERSION, "kind": INDEX, "metadata": metadata, "spec": spec}
        user = {
            "apiVersion": API_VERSION,
            "kind": USER,
            "metadata": {"name": "jenkins", "namespace": self.namespace},
            "spec": {"indexRef": {"name": "main"}},
        }
        status = self.git.commit(main, user)
        self.rest.call("PATCH", f"{SOURCES.format(self.namespace)}/all/status", {"status": status})

    def sync(self) -> None:
        """Return when Flux has applied everything once more."""
        request = uuid.uuid4().hex
        patch = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": request}}}
        self.rest.call("PATCH", self._kustomization, patch)
        eventually(lambda: self._told().get("lastHandledReconcileAt") == request, "Flux has synced")

    def round(self) -> None:
        """Run the operator and the rest of a cluster, some time later than before."""
        self.now = later(self.now, 100)
        self._index(self.index)
        self._user(self.user)
        run_cluster(self.rest, self.namespace)

    def is_ready(self) -> bool:
        """Make a round, and return whether Flux, by its own rules, takes everything in Git for ready."""
        self.round()
        revision = self._told().get("lastAppliedRevision", "")
        return self.ready()[0] == "True" and revision.endswith(f"{self.git.revision:040x}")

    def ready(self) -> tuple[str, str]:
        """Return status and message of what Flux says of all."""
        found = [each for each in self._told().get("conditions", ()) if each["type"] == "Ready"]
        return (found[0]["status"], found[0]["message"]) if found else ("", "")

    def annotations(self) -> Manifest:
        found: Manifest = self.rest.get(USER, self.namespace, "jenkins")["metadata"].get("annotations", {})
        return {name: value for name, value in found.items() if name.startswith("wheelyard.dev/")}

    def token(self) -> str:
        return str(self.rest.get("Secret", self.namespace, "jenkins-pypi")["data"]["password"])

    def tokens_of(self, rounds: int) -> list[str]:
        """Return the tokens that come one after another."""
        seen = [self.token()]
        for _ in range(rounds):
            self.round()
            if self.token() != seen[-1]:
                seen.append(self.token())
        return seen

    def plugin(self, *arguments: str) -> None:
        """Type a command of the plugin."""
        flags = ("-n", self.namespace, "--kubeconfig", str(self.api.kubeconfig))
        err = io.StringIO()
        assert commands.run((*arguments, *flags), io.StringIO(), err, {}) == 0, err.getvalue()

    @property
    def _kustomization(self) -> str:
        return f"{KUSTOMIZATIONS.format(self.namespace)}/all"

    def _told(self) -> Manifest:
        told: Manifest = self.rest.call("GET", self._kustomization).get("status", {})
        return told

    def _declare(self) -> None:
        metadata = {"name": "all", "namespace": self.namespace}
        source = {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "metadata": metadata}
        self.rest.call("POST", SOURCES.format(self.namespace), {**source, "spec": {"url": "https://git.example"}})
        self.commit()
        spec = {
            "interval": "1h",
            "retryInterval": "1s",
            "timeout": "60s",
            "path": "./",
            "prune": True,
            "wait": True,
            "sourceRef": {"kind": "GitRepository", "name": "all"},
        }
        body = {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "metadata": metadata}
        self.rest.call("POST", KUSTOMIZATIONS.format(self.namespace), {**body, "spec": spec})


@pytest.fixture(scope="module")
def git(api: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[flux.Git]:
    folder: Path = tmp_path_factory.mktemp("flux")
    with flux.running(api, folder) as git:
        yield git


@pytest.fixture
def estate(api: ApiServer, rest: Rest, kube: RealKube, git: flux.Git, namespace: str) -> Estate:
    estate = Estate(api, rest, kube, git, namespace)
    eventually(estate.is_ready, "everything is Ready to Flux")
    return estate


def test_what_the_plugin_asks_for_stays_and_a_rotation_happens_once(estate: Estate) -> None:
    estate.plugin("rotate", "user/jenkins")
    assert len(estate.tokens_of(6)) == 2
    estate.plugin("pause", "user/jenkins")
    for _ in range(2):
        estate.sync()
        assert set(estate.annotations()) == {PAUSED_ANNOTATION, ROTATE_ANNOTATION}
    estate.plugin("resume", "user/jenkins")
    estate.sync()
    assert set(estate.annotations()) == {ROTATE_ANNOTATION}
    assert len(estate.tokens_of(4)) == 1


@pytest.mark.parametrize(("manager", "stays"), [("kubectl-annotate", False), ("platform-team", True)])
def test_what_kubectl_annotates_flux_takes_away_and_that_asks_for_nothing(
    estate: Estate, manager: str, *, stays: bool
) -> None:
    where = ("-n", estate.namespace, "indexuser", "jenkins")
    estate.api.kubectl(
        "annotate", *where, f"{ROTATE_ANNOTATION}=now", f"--field-manager={manager}"
    ).check_returncode()
    assert len(estate.tokens_of(6)) == 2
    estate.sync()
    assert estate.annotations() == ({ROTATE_ANNOTATION: "now"} if stays else {})
    assert len(estate.tokens_of(4)) == 1


def test_an_index_without_servers_is_done_to_flux(estate: Estate) -> None:
    estate.commit(replicas=0)
    eventually(estate.is_ready, "an index of no servers is Ready to Flux")


def test_flux_shows_at_once_why_a_paused_and_changed_index_is_not_ready(estate: Estate) -> None:
    estate.plugin("pause", "index/main")
    estate.commit(replicas=0)

    def failed() -> bool:
        estate.round()
        status, message = estate.ready()
        return status == "False" and "status: 'Failed'" in message

    eventually(failed, "Flux says that it failed, before its timeout")
