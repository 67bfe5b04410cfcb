"""`wheelyard-operator`: reads its settings, makes everything, and runs until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import kopf
import kubernetes

from wheelyard_operator.desired.index_file import METRICS_PORT
from wheelyard_operator.handlers import CHILDREN, Handlers, label_of, register
from wheelyard_operator.kube import RealKube
from wheelyard_operator.provision.clients import Clients
from wheelyard_operator.provision.iam import IamUsers
from wheelyard_operator.provision.issuers import Issuers, Web, from_cluster
from wheelyard_operator.provision.servers import Servers
from wheelyard_operator.reconcile.index import IndexReconciler
from wheelyard_operator.reconcile.queue import WorkQueue
from wheelyard_operator.reconcile.storage import StorageStage
from wheelyard_operator.reconcile.trust import TrustStage
from wheelyard_operator.reconcile.user import UserReconciler
from wheelyard_operator.resource import INDEX, OPERATOR
from wheelyard_operator.settings import Settings, SettingsError
from wheelyard_operator.times import written

if TYPE_CHECKING:
    from wheelyard_operator.kube import Kube
    from wheelyard_operator.reconcile.outcome import Outcome
    from wheelyard_operator.resource import Key


def main() -> None:
    """Run the operator."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # It would tell of every event that became a key.
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        sys.exit(f"wheelyard-operator: {error}")
    queue = WorkQueue(reconciler(connect(settings), settings))
    registry = kopf.get_default_registry()
    register(Handlers(queue), registry, everywhere=not settings.namespaces)
    _Life(queue).register(registry)
    kopf.run(
        registry=registry,
        settings=kopf_settings(),
        # By itself, kopf looks for its user in /etc/passwd, where a pod's need not be.
        identity=cast("Any", OPERATOR),
        standalone=True,
        clusterwide=not settings.namespaces,
        namespaces=settings.namespaces,
        liveness_endpoint=settings.health_endpoint,
    )


def connect(settings: Settings) -> Kube:
    """Log in as the pod's ServiceAccount, or as kubectl would."""
    try:
        kubernetes.config.load_incluster_config()
    except kubernetes.config.ConfigException:
        kubernetes.config.load_kube_config()
    return RealKube(kubernetes.client.ApiClient(), settings.namespaces)


def reconciler(kube: Kube, settings: Settings) -> _Reconciler:
    """Wire the reconcilers of both kinds."""
    clients = Clients(settings)
    storage = StorageStage(clients, IamUsers(clients, settings.region), settings, _now)
    trust = TrustStage(Issuers(Web(), from_cluster(kube)), settings)
    return _Reconciler(
        IndexReconciler(kube, storage, trust, Servers(METRICS_PORT), settings, _now),
        UserReconciler(kube, trust, settings, _now),
    )


def kopf_settings() -> kopf.OperatorSettings:
    """Give kopf's settings: it only watches here."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.peering.standalone = True
    # Without these a watch that died silently is never noticed (kopf issues 585, 698, 957, 1120, 1276).
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.connect_timeout = 30
    settings.networking.request_timeout = 60
    for group, plural in CHILDREN:
        # The API server filters: objects of others never come here.
        settings.watching.label_selectors[group, plural] = label_of(plural)
    return settings


@dataclass(frozen=True)
class _Reconciler:
    index: IndexReconciler
    user: UserReconciler

    def __call__(self, key: Key) -> Outcome:
        return self.index(key) if key.kind == INDEX else self.user(key)


@dataclass
class _Life:
    """Starts and stops the queue with the operator, and tells whether it lives."""

    queue: WorkQueue
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def register(self, registry: kopf.OperatorRegistry) -> None:
        kopf.on.startup(registry=registry)(self.start)
        kopf.on.cleanup(registry=registry)(self.stop)
        kopf.on.probe(registry=registry, id="queue")(self.probe)

    async def start(self, **_: Any) -> None:
        self.tasks.append(asyncio.create_task(self.queue.run(), name="queue"))

    async def stop(self, **_: Any) -> None:
        for task in self.tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def probe(self, **_: Any) -> str:
        if self.queue.is_stuck() or any(task.done() for task in self.tasks):
            raise kopf.PermanentError("No reconciliation makes progress.")
        return "working"


def _now() -> str:
    return written(datetime.now(UTC))


if __name__ == "__main__":
    main()
