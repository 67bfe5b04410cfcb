"""Applies the children that an index has only if it asks for them, and removes the others."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from wheelyard_operator.condition_types import EXPOSED, MONITORED, READY
from wheelyard_operator.desired.horizontalpodautoscaler import horizontalpodautoscaler
from wheelyard_operator.desired.httproute import httproute
from wheelyard_operator.desired.ingress import ingress
from wheelyard_operator.desired.networkpolicy import networkpolicy
from wheelyard_operator.desired.poddisruptionbudget import poddisruptionbudget
from wheelyard_operator.desired.servicemonitor import servicemonitor
from wheelyard_operator.kube import ApiError
from wheelyard_operator.problems import Problem
from wheelyard_operator.reconcile.children import Children
from wheelyard_operator.reconcile.platform_policy import external_problems
from wheelyard_operator.reconcile.upstream_policy import blocked_upstreams
from wheelyard_operator.resource import Manifest, PackageIndex
from wheelyard_operator.settings import Settings

_ABSENT = {
    "HTTPRoute": "This cluster has no HTTPRoute: have the Gateway API's CRDs installed, or use spec.ingress.",
    "ServiceMonitor": (
        "This cluster has no ServiceMonitor: have the Prometheus Operator's CRDs installed, or remove"
        " spec.monitoring.serviceMonitor. Pods still serve their metrics."
    ),
}
"""Kinds that not every cluster has."""


@dataclass(frozen=True)
class OptionalChildren:
    """The result, by kind."""

    live: Mapping[str, Manifest] | None = None
    """None if they were not reached."""
    problems: Mapping[str, Problem] = field(default_factory=dict)
    tolerated: tuple[Problem, ...] = ()
    """Why existing settings would not be allowed if they were new."""


def apply_optional_children(
    index: PackageIndex, settings: Settings, children: Children, token_host: str = ""
) -> OptionalChildren:
    """Apply the requested ones and remove the others.

    Raise Problem for those that an index needs. `token_host` is the host that servers ask for
    single sign-on, "" for none.
    """
    blocked = blocked_upstreams(index, settings.egress)
    for kind, desired in (
        ("HorizontalPodAutoscaler", horizontalpodautoscaler(index)),
        ("NetworkPolicy", networkpolicy(index, settings, blocked, token_host)),
        ("PodDisruptionBudget", poddisruptionbudget(index)),
    ):
        _ensure(kind, desired, index, children, READY)
    live: dict[str, Manifest] = {}
    problems: dict[str, Problem] = {}
    tolerated: list[Problem] = []
    # A problem with these has its own condition: pods inside the cluster do not need them.
    for kind, desired, condition in (
        ("HTTPRoute", httproute(index), EXPOSED),
        ("Ingress", ingress(index), EXPOSED),
        ("ServiceMonitor", servicemonitor(index), MONITORED),
    ):
        try:
            if desired is not None and condition == EXPOSED:
                tolerated += _check_external(kind, index, settings, children)
            found = _ensure(kind, desired, index, children, condition)
        except Problem as problem:
            problems[kind] = problem
        except ApiError as error:
            if error.status != 404 or kind not in _ABSENT:
                raise
            problems[kind] = Problem(condition, "KindNotInstalled", _ABSENT[kind])
        else:
            live |= {kind: found} if found else {}
    return OptionalChildren(live, problems, tuple(tolerated))


def _check_external(kind: str, index: PackageIndex, settings: Settings, children: Children) -> tuple[Problem, ...]:
    live = children.own(kind, index.meta.namespace, index.child_name)
    news, tolerated = external_problems(kind, index, settings, live)
    if news:
        raise news
    return tolerated


def _ensure(
    kind: str, desired: Manifest | None, index: PackageIndex, children: Children, condition: str
) -> Manifest | None:
    if desired is None:
        children.remove(kind, index.meta.namespace, index.child_name, condition)
        return None
    return children.ensure(desired, condition)
