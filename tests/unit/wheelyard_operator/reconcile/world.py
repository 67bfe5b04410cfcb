"""A cluster, a cloud, and the operator between them."""

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from support import buckets
from support.code_artifact import FakeCodeArtifact
from unit.wheelyard_operator.fakes import NOW, SETTINGS, FakeKube, Fuse, condition, namespace_body
from wheelyard_operator.policy_states import EventsAnswer, FileState, PolicyAnswer
from wheelyard_operator.provision.clients import Clients, new_session
from wheelyard_operator.provision.iam import IamUsers
from wheelyard_operator.provision.issuer_answers import IssuerError
from wheelyard_operator.provision.issuers import Fetch, Issuers, from_cluster
from wheelyard_operator.provision.providers import Providers
from wheelyard_operator.provision.server_probe import Answer
from wheelyard_operator.reconcile.endpoints import Endpoints
from wheelyard_operator.reconcile.exception import ExceptionReconciler
from wheelyard_operator.reconcile.index import IndexReconciler
from wheelyard_operator.reconcile.outcome import Outcome
from wheelyard_operator.reconcile.server_sessions import SessionsStage
from wheelyard_operator.reconcile.storage import StorageStage
from wheelyard_operator.reconcile.storage_provisioner import StorageProvisioner
from wheelyard_operator.reconcile.trusted_issuers import TrustedIssuersStage
from wheelyard_operator.reconcile.upstream_tokens import UpstreamTokens
from wheelyard_operator.reconcile.user import UserReconciler
from wheelyard_operator.resource import EXCEPTION, INDEX, USER, Key, Manifest
from wheelyard_operator.settings import Settings
from wheelyard_operator.times import later
from wheelyard_operator.upstream_states import UpstreamsAnswer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAIN = Key(INDEX, "packages", "main")
JENKINS = Key(USER, "packages", "jenkins")
URLLIB3 = Key(EXCEPTION, "ci", "urllib3")


class World:
    """Everything that a test needs to let the operator run, be killed, and run again."""

    def __init__(self, settings: Settings = SETTINGS) -> None:
        self.kube = FakeKube(namespace_body("packages"), namespace_body("ci", team="ci"))
        self.settings = settings
        self.seconds = 0.0
        self.now = NOW
        self.web: dict[str, Manifest] = {}
        self.bundles: list[str] = []
        """The authorities with which providers were asked."""
        self.answers: dict[str, bool] = {}
        self.known_formats: dict[str, int] = {}
        """The answers of pods to the probe."""
        self.sessions_files: dict[str, FileState] = {}
        """What pods say about their sessions file."""
        self.upstreams: dict[str, UpstreamsAnswer] = {}
        """What pods say about their upstreams."""
        self.events: dict[str, EventsAnswer] = {}
        """What pods say about their events."""
        self.policies: dict[str, PolicyAnswer] = {}
        """What pods say about their policy."""
        self.code_artifact = FakeCodeArtifact(lambda: self.now)
        self.clients = self._new_clients()
        self._servers_s3 = self._new_servers_s3()
        self.boot()

    def delete_bucket(self) -> None:
        """Delete the bucket with all that is in it."""
        buckets.empty(self._servers_s3, "acme")
        self._servers_s3.delete_bucket(Bucket="acme")

    def boot(self, fuse: Fuse | None = None, **settings: Any) -> None:
        """Start the operator afresh: it remembers nothing.

        The fuse kills it after so many writes.
        """
        self.kube.after_write = self.fuse = fuse or Fuse()
        if settings:
            self.settings = replace(self.settings, **settings)
            self.clients = self._new_clients()
        users = IamUsers(self.clients, self.settings.region)
        provisioner = StorageProvisioner(self.clients, users, self.settings, lambda: self.now)
        self.endpoints = Endpoints(lambda: self.seconds, patience=0)
        self.token_endpoints = Endpoints(lambda: self.seconds, patience=0)
        self.storage = StorageStage(provisioner, self.settings, lambda: self.seconds, self.endpoints)
        self.tokens = UpstreamTokens(
            self.code_artifact, self.token_endpoints, lambda: self.seconds, lambda: self.now
        )
        issuers = Issuers(self._fetch, from_cluster(self.kube), lambda: self.seconds)
        self.issuers = TrustedIssuersStage(issuers, self.settings)
        self.sessions = SessionsStage(Providers(self._trusting, lambda: self.seconds), self.settings)

    def _trusting(self, bundle: str) -> Fetch:
        self.bundles.append(bundle)
        return self._fetch

    def _fetch(self, url: str) -> Manifest:
        if url not in self.web:
            raise IssuerError(f"{url} cannot be reached")
        return self.web[url]

    def _new_clients(self) -> Clients:
        clients = Clients(self.settings)
        for client in (clients.own_s3("us-east-1"), clients.iam):
            client.meta.events.register("after-call", lambda model, **_: self.fuse(model))
        return clients

    def _new_servers_s3(self) -> "S3Client":
        return new_session().client("s3", region_name="us-east-1")

    def index(self, key: Key = MAIN) -> Outcome:
        return IndexReconciler(
            self.kube,
            self.storage,
            self.issuers,
            self.tokens,
            self.sessions,
            self.ask,
            self.ask_upstreams,
            self.ask_policy,
            self.ask_events,
            self.settings,
            lambda: self.now,
        )(key)

    def ask(self, pod: Manifest) -> Answer | None:
        name = pod["metadata"]["name"]
        if name not in self.answers:
            return None
        return Answer(self.answers[name], self.known_formats.get(name, 2), self.sessions_files.get(name))

    def ask_upstreams(self, pod: Manifest) -> UpstreamsAnswer | None:
        return self.upstreams.get(pod["metadata"]["name"])

    def ask_policy(self, pod: Manifest) -> PolicyAnswer | None:
        return self.policies.get(pod["metadata"]["name"])

    def ask_events(self, pod: Manifest) -> EventsAnswer | None:
        return self.events.get(pod["metadata"]["name"])

    def exception(self, key: Key = URLLIB3) -> Outcome:
        return ExceptionReconciler(self.kube, self.settings, lambda: self.now)(key)

    def user(self, key: Key = JENKINS) -> Outcome:
        return UserReconciler(self.kube, self.issuers, self.settings, lambda: self.now)(key)

    def settle(self, *keys: Key) -> None:
        """Let everything come to rest; pods are ready at once."""
        for _ in range(4):
            self.look(*keys)

    def look(self, *keys: Key) -> list[Outcome]:
        """Let the operator look at everything once, 100 seconds after the last time."""
        self.seconds += 100
        self.now = later(self.now, 100)
        reconcilers = {INDEX: self.index, USER: self.user, EXCEPTION: self.exception}
        outcomes = [reconcilers[key.kind](key) for key in keys or (MAIN,)]
        self.roll_out()
        return outcomes

    def roll_out(self) -> None:
        """Do what Kubernetes does with Deployments, and a server at its start.

        It claims its storage.
        """
        for body in self.kube.objects.values():
            if body["kind"] == "Deployment":
                self._claim_storage()
                wanted = body["spec"]["replicas"]
                body["status"] = {
                    "observedGeneration": body["metadata"]["generation"],
                    **dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), wanted),
                }

    def _claim_storage(self) -> None:
        """Do what the servers of `MAIN` do."""
        index = self.kube.objects.get((MAIN.kind, MAIN.namespace, MAIN.name))
        s3 = index["spec"]["storage"].get("s3") if index else None
        if s3 is not None:
            with contextlib.suppress(ClientError):
                self._servers_s3.put_object(
                    Bucket=s3["bucket"],
                    Key=f"{s3.get('prefix', '')}wheelyard.json",
                    Body=b'{"index": "packages/main"}',
                )

    def get(self, kind: str, name: str, namespace: str = "packages") -> Manifest:
        body = self.kube.get(kind, namespace, name)
        assert body is not None, f"no {kind} {namespace}/{name}"
        return body

    def has(self, kind: str, name: str, namespace: str = "packages") -> bool:
        return self.kube.get(kind, namespace, name) is not None

    def reason(self, key: Key = MAIN, kind: str = "Ready") -> str:
        return str(condition(self.get(*_place(key)), kind)["reason"])


def _place(key: Key) -> tuple[str, str, str]:
    return key.kind, key.name, key.namespace
