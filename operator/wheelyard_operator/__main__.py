"""Wires the operator: parses its settings, creates all its parts, and runs until it is stopped."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, cast

try:
    import boto3  # noqa: F401 - with the others of its extra
    import kopf
    import kubernetes  # noqa: F401 - as boto3
except ModuleNotFoundError as missing:
    if missing.name not in {"boto3", "kopf", "kubernetes"}:
        raise
    sys.exit(f"wheelyard-operator needs {missing.name}. In a checkout, install it with: pip install '.[operator]'")

from wheelyard_operator import logs
from wheelyard_operator.desired.index_file import METRICS_PORT
from wheelyard_operator.handlers import CHILDREN, Handlers, label_of, register
from wheelyard_operator.kube import Kube, RealKube
from wheelyard_operator.process import cluster_login
from wheelyard_operator.process.calls import Calls, GuardedKube
from wheelyard_operator.process.heartbeats import Heartbeats
from wheelyard_operator.process.leadership import Alone, Leader, Leadership
from wheelyard_operator.process.life import Life
from wheelyard_operator.process.metrics import Metrics, metrics_app
from wheelyard_operator.process.queue import WorkQueue
from wheelyard_operator.provision.clients import Clients
from wheelyard_operator.provision.code_artifact import CodeArtifactTokens
from wheelyard_operator.provision.iam import IamUsers
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
from wheelyard_operator.resource import EXCEPTION, INDEX, OPERATOR, USER, Key
from wheelyard_operator.settings import Settings, SettingsError
from wheelyard_operator.times import rfc3339

_LEASE_TIMEOUT = (2, 3)
"""Two requests of this length must fit between two decisions about giving up."""
_MAX_BUNDLES = 16
"""Authorities of providers for which connections are kept: to load the public ones takes a while."""


def main() -> None:
    """Run the operator."""
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        sys.exit(f"wheelyard-operator: {error}")
    logs.set_up(settings.log_format)
    client, metrics = cluster_login.connect(), Metrics()
    leading = leader(client, settings, metrics.failure_counter("leadership"))
    heartbeats = Heartbeats()
    calls = Calls(leading, metrics, heartbeats.record)
    reconcile = reconciler(GuardedKube(RealKube(client, settings.namespaces), calls), calls, settings)
    queue = WorkQueue(metrics.measured(reconcile), heartbeats)
    metrics.follow(queue, leading)
    registry = kopf.get_default_registry()
    kopf.on.login(registry=registry)(cluster_login.log_in)
    register(Handlers(queue), registry, metrics.record_event, everywhere=not settings.namespaces)
    Life(queue, leading, metrics_app(metrics), settings.metrics_port).register(registry)
    kopf.run(
        registry=registry,
        settings=kopf_settings(everywhere=not settings.namespaces),
        # Otherwise kopf looks for its user in /etc/passwd, which may not have the pod's.
        identity=cast("Any", OPERATOR),
        standalone=True,
        clusterwide=not settings.namespaces,
        namespaces=settings.namespaces,
        liveness_endpoint=settings.health_endpoint,
    )


def leader(client: Any, settings: Settings, count_failure: Callable[[], object]) -> Leader:
    """Return the leadership of this operator; `count_failure` is called for unexpected errors."""
    if not settings.lease:
        return Alone()
    kube = RealKube(client, timeout=_LEASE_TIMEOUT)
    return Leadership(
        kube, (settings.pod_namespace, settings.lease), settings.pod_name, count_failure=count_failure
    )


def reconciler(kube: Kube, calls: Calls, settings: Settings) -> "_Reconciler":
    """Wire the reconcilers of all kinds."""
    clients = Clients(settings, calls.watch_client)
    provisioner = StorageProvisioner(clients, IamUsers(clients, settings.region), settings, _now)
    storage = StorageStage(provisioner, settings)
    web = calls.to_issuers(Web(settings.ca_bundle))
    trust = TrustedIssuersStage(
        Issuers(web, from_cluster(kube), count_failure=calls.failure_counter("issuers")), settings
    )
    tokens = UpstreamTokens(CodeArtifactTokens(clients), Endpoints(time.monotonic), time.monotonic, _now)
    ask = calls.to_servers(ServerProbe(METRICS_PORT).ask)
    ask_upstreams = calls.to_servers(ServerProbe(METRICS_PORT).ask_upstreams)
    ask_policy = calls.to_servers(ServerProbe(METRICS_PORT).ask_policy)
    ask_events = calls.to_servers(ServerProbe(METRICS_PORT).ask_events)
    return _Reconciler(
        IndexReconciler(
            kube,
            storage,
            trust,
            tokens,
            sessions(calls, settings),
            ask,
            ask_upstreams,
            ask_policy,
            ask_events,
            settings,
            _now,
        ),
        UserReconciler(kube, trust, settings, _now),
        ExceptionReconciler(kube, settings, _now),
    )


def sessions(calls: Calls, settings: Settings) -> SessionsStage:
    """Return what gathers sessions: each provider may have authorities of its own."""
    web = lru_cache(_MAX_BUNDLES)(lambda bundle: calls.to_issuers(Web(f"{settings.ca_bundle}\n{bundle}".strip())))
    return SessionsStage(Providers(web, count_failure=calls.failure_counter("issuers")), settings)


def kopf_settings(*, everywhere: bool = True) -> kopf.OperatorSettings:
    """Return kopf's settings: it only watches here."""
    settings = kopf.OperatorSettings()
    # It would list all namespaces and CRDs, which an operator of single namespaces may not.
    settings.scanning.disabled = not everywhere
    settings.posting.enabled = False
    settings.peering.standalone = True
    # Without these a watch that died silently is never noticed (kopf issues 585, 698, 957, 1120,
    # 1276).
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.connect_timeout = 30
    # Without other events, the API server sends a bookmark every minute.
    settings.watching.inactivity_timeout = 70
    settings.networking.request_timeout = 60
    for group, plural in CHILDREN:
        # The API server filters: objects of others never arrive.
        settings.watching.label_selectors[group, plural] = label_of(plural)
    return settings


@dataclass(frozen=True)
class _Reconciler:
    index: IndexReconciler
    user: UserReconciler
    exception: ExceptionReconciler

    def __call__(self, key: Key) -> Outcome:
        reconcilers: dict[str, Callable[[Key], Outcome]] = {
            INDEX: self.index,
            USER: self.user,
            EXCEPTION: self.exception,
        }
        return reconcilers[key.kind](key)


def _now() -> str:
    return rfc3339(datetime.now(UTC))


if __name__ == "__main__":
    main()
