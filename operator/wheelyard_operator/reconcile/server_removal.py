"""Ends the servers of an index: nothing is removed that they may still write to."""

from collections.abc import Sequence

from wheelyard_operator.apply import is_owned
from wheelyard_operator.condition_types import READY
from wheelyard_operator.kube import Kube
from wheelyard_operator.observe import read_deployment, read_pods
from wheelyard_operator.problems import Problem
from wheelyard_operator.reconcile.children import Children
from wheelyard_operator.resource import Manifest, PackageIndex
from wheelyard_operator.times import is_time, later

_ORPHAN = "orphan"
"""The finalizer of an object that is deleted with --cascade=orphan, until its children have no
owner."""
_STUCK_SECONDS = 60
_MAX_NAMES = 3


def end_servers(kube: Kube, index: PackageIndex, now: str) -> None:
    """Delete the Deployment; raise Problem until the pods that it created are gone.

    Servers that are kept by --cascade=orphan go on, and are not waited for. Neither are pods that
    only have the labels.
    """
    live = read_deployment(kube, index)
    if _ORPHAN in index.meta.finalizers or (live is not None and not is_owned(live, index.meta)):
        return
    Children(kube, index.meta).remove("Deployment", index.meta.namespace, index.child_name)
    # Only now: before, the Deployment could have created a pod after they were read.
    left = read_pods(kube, index)
    stuck = [each for each in left if _is_stuck(each, index, now)]
    if stuck:
        raise Problem(READY, "ServersRemain", _remedy(stuck))
    if left:
        message = f"{_named(left)}: the index servers are terminating and finish their running requests."
        raise Problem(READY, "WaitingForServers", message, stalled=False)


def _is_stuck(pod: Manifest, index: PackageIndex, now: str) -> bool:
    # The deletion timestamp of a pod includes its grace period.
    due = pod["metadata"].get("deletionTimestamp", index.meta.deleted)
    return is_time(due) and later(due, _STUCK_SECONDS) <= now


def _remedy(stuck: Sequence[Manifest]) -> str:
    orphans = [each for each in stuck if "deletionTimestamp" not in each["metadata"]]
    if orphans:
        owner = orphans[0]["metadata"]["ownerReferences"][0]["name"]
        return (
            f"{_named(orphans)} exist without the Deployment that created them, as after kubectl delete deployment"
            f" --cascade=orphan: run kubectl delete replicaset {owner}."
        )
    name = stuck[0]["metadata"]["name"]
    return (
        f"{_named(stuck)} should have terminated long ago: if their node is gone for good, run kubectl delete"
        f" pod {name} --force."
    )


def _named(left: Sequence[Manifest]) -> str:
    names = sorted(str(each["metadata"]["name"]) for each in left)
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return f"Pods {', '.join(names[:_MAX_NAMES])}{more}"
