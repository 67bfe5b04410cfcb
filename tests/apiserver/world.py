"""The operator's reconcilers on a real API server, S3 and IAM, with a switch that kills them at any call.

It also does the work of a cluster: Deployments roll out at once, and children go after their
owners.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from cluster import S3Server
from support.code_artifact import FakeCodeArtifact
from support.rest import Manifest, RefusedError, Rest
from wheelyard_operator.desired.index_file import METRICS_PORT
from wheelyard_operator.kube import Kube
from wheelyard_operator.provision.clients import Clients
from wheelyard_operator.provision.iam import IamUsers
from wheelyard_operator.provision.issuer_answers import IssuerError
from wheelyard_operator.provision.issuers import Issuers, Web, from_cluster
from wheelyard_operator.provision.providers import Providers
from wheelyard_operator.provision.server_probe import ServerProbe
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
from wheelyard_operator.resource import EXCEPTION, INDEX, USER, Key
from wheelyard_operator.settings import Settings
from wheelyard_operator.times import later

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_s3 import S3Client

CHILDREN = (
    "Deployment",
    "ConfigMap",
    "Secret",
    "Service",
    "ServiceAccount",
    "PodDisruptionBudget",
    "PersistentVolumeClaim",
)
_READS = {"get", "metadata", "list", "document"}
_MOST_ROUNDS = 12
_SECONDS = 100
"""Seconds of the operator's clock between two rounds: longer than any grace."""


class KilledError(BaseException):
    """The process was killed: nothing catches it, and nothing that it still does counts."""


class Calls:
    """Every writing call of one operator to the outside; kills it right after the n-th, if one is chosen.

    A kill after a read leaves the world as the write before it did, so these are all moments that
    differ.
    """

    def __init__(self, kill_after: int | None = None) -> None:
        self.made: list[str] = []
        self._kill_after = kill_after

    @property
    def killed(self) -> bool:
        """Return whether it has come so far."""
        return self._kill_after is not None and len(self.made) >= self._kill_after

    def before(self) -> None:
        """Stand in the way of what a killed process would still do, such as `finally`."""
        if self.killed:
            raise KilledError

    def after(self, name: str) -> None:
        """Count a write that was done."""
        self.made.append(name)
        if self.killed:
            raise KilledError


class WatchedKube:
    """A Kube that reports all its calls to `Calls`."""

    def __init__(self, kube: Kube, calls: Calls) -> None:
        self._kube = kube
        self._calls = calls

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        """Return one of Kube's methods."""
        method = getattr(self._kube, verb)

        def call(*arguments: Any, **options: Any) -> Any:
            self._calls.before()
            answer = method(*arguments, **options)
            if verb not in _READS:
                self._calls.after(f"{verb} {_what(arguments)}")
            return answer

        return call


class Cloud:
    """S3 and IAM for all operators of a test: making a client takes longer than a whole reconciliation."""

    def __init__(self, server: S3Server) -> None:
        self.settings = Settings(
            image="registry.example/wheelyard:1",
            allowed_buckets=("*",),
            region=server.region,
            s3_endpoint=server.endpoint,
            iam_endpoint=server.iam_endpoint,
        )
        self.clients, outside = Clients(self.settings), Clients(self.settings)
        self.s3: S3Client = outside.own_s3(server.region)
        self.iam: IAMClient = outside.iam
        self.calls = Calls()
        """The calls of the operator that runs now."""
        self.max_keys = 0
        """How many access keys a user has ever had at a time."""
        for client in (self.clients.own_s3(server.region), self.clients.iam):
            client.meta.events.register("before-call", lambda **_: self.calls.before())
            client.meta.events.register("after-call", self._after)
        self.clients.iam.meta.events.register("provide-client-params.iam.CreateAccessKey", self._count)

    def _after(self, model: Any, **_: Any) -> None:
        if not model.name.startswith(("Get", "Head", "List")):
            self.calls.after(model.name)

    def _count(self, params: dict[str, str], **_: Any) -> None:
        keys = self.iam.list_access_keys(UserName=params["UserName"])["AccessKeyMetadata"]
        self.max_keys = max(self.max_keys, len(keys) + 1)


class World:
    """A namespace with an index `main` and a user `jenkins`, and the operator, which can be killed and started."""

    def __init__(self, kube: Kube, rest: Rest, cloud: Cloud, namespace: str) -> None:
        self.rest = rest
        self.cloud = cloud
        self.namespace = namespace
        self.index, self.user = Key(INDEX, namespace, "main"), Key(USER, namespace, "jenkins")
        self.now = "2030-01-01T00:00:00Z"
        self.seconds = 0.0
        self._kube = kube
        self.code_artifact = FakeCodeArtifact(self._now)
        self.web: dict[str, Manifest] = {}
        """What the provider of single sign-on answers, by URL."""
        self.boot()

    def boot(self, kill_after: int | None = None) -> None:
        """Start the operator afresh: it remembers nothing."""
        self.calls = self.cloud.calls = Calls(kill_after)
        kube, settings, clients = (
            cast("Kube", WatchedKube(self._kube, self.calls)),
            self.cloud.settings,
            self.cloud.clients,
        )
        users = IamUsers(clients, settings.region)
        provisioner = StorageProvisioner(clients, users, settings, self._now)
        storage = StorageStage(provisioner, settings, lambda: self.seconds)
        issuers = TrustedIssuersStage(Issuers(Web(), from_cluster(kube)), settings)
        tokens = UpstreamTokens(
            self.code_artifact, Endpoints(lambda: self.seconds), lambda: self.seconds, self._now
        )
        probe = ServerProbe(METRICS_PORT)
        self._index = IndexReconciler(
            kube,
            storage,
            issuers,
            tokens,
            SessionsStage(Providers(lambda _: self._fetch), settings),
            probe.ask,
            probe.ask_upstreams,
            probe.ask_policy,
            probe.ask_events,
            settings,
            self._now,
        )
        self._exception = ExceptionReconciler(kube, settings, self._now)
        self._user = UserReconciler(kube, issuers, settings, self._now)

    def _fetch(self, url: str) -> Manifest:
        if url not in self.web:
            raise IssuerError(f"{url} cannot be reached")
        return self.web[url]

    def reconcile(self, key: Key) -> Outcome:
        """Run it for one key."""
        reconcilers: dict[str, Callable[[Key], Outcome]] = {
            INDEX: self._index,
            USER: self._user,
            EXCEPTION: self._exception,
        }
        return reconcilers[key.kind](key)

    def settle(self) -> None:
        """Go on until a round changes nothing."""
        for _ in range(_MOST_ROUNDS):
            before = len(self.calls.made)
            if not self._round() and len(self.calls.made) == before:
                return
        raise AssertionError(f"It never comes to rest: {self.calls.made[-20:]}")

    def killed(self, after: int) -> bool:
        """Start an operator and kill it after so many writes; whether it makes so many. A new one has started."""
        self.boot(after)
        try:
            self.settle()
        except KilledError:
            return True
        finally:
            self.boot()
        return False

    def get(self, kind: str, name: str) -> Manifest:
        """Return an object of the namespace."""
        return self.rest.get(kind, self.namespace, name)

    def names(self, kind: str) -> set[str]:
        """Return the names of all objects of a kind."""
        return {each["metadata"]["name"] for each in self.rest.list(kind, self.namespace)}

    def change(self, key: Key, patch: Manifest) -> None:
        """Edit a resource as a person would."""
        self.rest.merge(self.get(key.kind, key.name), patch)

    def _round(self) -> bool:
        """Run the operator for everything; whether the cluster had to do something."""
        self.now, self.seconds = later(self.now, _SECONDS), self.seconds + _SECONDS
        changed = False
        for key in (self.index, self.user):
            self.reconcile(key)
            changed = self._cluster() or changed
        return changed

    def _cluster(self) -> bool:
        """Do what the controllers of a cluster and an index server at its start do; whether there was anything."""
        changed = False
        for deployment in self.rest.list("Deployment", self.namespace):
            if roll_out(self.rest, deployment):
                changed = True
                claim = f'{{"index": "{self.namespace}/main"}}'.encode()
                self.cloud.s3.put_object(Bucket=self.namespace, Key="wheelyard.json", Body=claim)
        living = {
            each["metadata"]["uid"] for kind in (INDEX, USER) for each in self.rest.list(kind, self.namespace)
        }
        for kind in CHILDREN:
            for each in self.rest.list(kind, self.namespace):
                owners = each["metadata"].get("ownerReferences", ())
                if owners and all(owner["uid"] not in living for owner in owners):
                    self.rest.delete(kind, self.namespace, each["metadata"]["name"])
                    changed = True
        return changed

    def _now(self) -> str:
        return self.now


def roll_out(rest: Rest, deployment: Manifest) -> bool:
    """Write the status that a Deployment has once all its pods are there; whether it had another one."""
    wanted = deployment["spec"]["replicas"]
    status = {
        "observedGeneration": deployment["metadata"]["generation"],
        **dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), wanted),
    }
    if status.items() <= deployment.get("status", {}).items():
        return False
    rest.merge(deployment, {"status": status}, "/status")
    return True


def run_cluster(rest: Rest, namespace: str) -> None:
    """Roll out all Deployments, and bind all claims to a volume."""
    for each in rest.list("Deployment", namespace):
        with suppress(RefusedError):  # it has just been deleted
            roll_out(rest, each)
    for each in rest.list("PersistentVolumeClaim", namespace):
        if each.get("status", {}).get("phase") != "Bound":
            with suppress(RefusedError):
                rest.merge(each, {"status": {"phase": "Bound"}}, "/status")


def exists(rest: Rest, kind: str, namespace: str, name: str) -> bool:
    """Return whether there is such an object."""
    try:
        rest.get(kind, namespace, name)
    except RefusedError as error:
        if error.status != 404:
            raise
        return False
    return True


def _what(arguments: tuple[Any, ...]) -> str:
    """Name the object of a call: a manifest, or kind, namespace and name."""
    if isinstance(arguments[0], dict):
        return f"{arguments[0]['kind']} {arguments[0]['metadata'].get('name', '')}"
    return f"{arguments[0]} {arguments[2]}"
