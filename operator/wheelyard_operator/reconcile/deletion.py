"""The end of an index's servers: nothing goes that they may still write to."""

from collections.abc import Sequence

from wheelyard_operator.apply import is_owned
from wheelyard_operator.kube import Kube
from wheelyard_operator.observe import pods
from wheelyard_operator.problems import READY, Problem
from wheelyard_operator.reconcile.children import Children
from wheelyard_operator.resource import Manifest, PackageIndex
from wheelyard_operator.times import is_time, later

_ORPHAN = "orphan"
"""Finalizer of what is deleted with --cascade=orphan, until its children are nobody's."""
_STUCK_SECONDS = 60
_MOST_NAMES = 3


def end_servers(kube: Kube, index: PackageIndex, now: str) -> None:
    """Delete the Deployment; raise Problem until the pods that it made are gone.

    What somebody keeps by --cascade=orphan runs on, and nobody waits for it; neither for what only has the labels.
    """
    live = kube.get("Deployment", index.meta.namespace, index.child_name)
    if _ORPHAN in index.meta.finalizers or (live is not None and not is_owned(live, index.meta)):
        return
    Children(kube, index.meta).remove("Deployment", index.meta.namespace, index.child_name)
    left = pods(kube, index)
    stuck = [each for each in left if _is_stuck(each, index, now)]
    if stuck:
        raise Problem(READY, "ServersRemain", _remedy(stuck))
    if left:
        message = f"{_named(left)}: the index servers are ending, and what they are doing now may be finished."
        raise Problem(READY, "WaitingForServers", message, stalled=False)


def _is_stuck(pod: Manifest, index: PackageIndex, now: str) -> bool:
    # A pod's has its grace period in it.
    due = pod["metadata"].get("deletionTimestamp", index.meta.deleted)
    return is_time(due) and later(due, _STUCK_SECONDS) <= now


def _remedy(stuck: Sequence[Manifest]) -> str:
    orphans = [each for each in stuck if "deletionTimestamp" not in each["metadata"]]
    if orphans:
        owner = orphans[0]["metadata"]["ownerReferences"][0]["name"]
        return (
            f"{_named(orphans)} without the Deployment that made them, as after kubectl delete deployment"
            f" --cascade=orphan: kubectl delete replicaset {owner}."
        )
    name = stuck[0]["metadata"]["name"]
    return (
        f"{_named(stuck)}, which should have ended long ago: where their node is gone for good, kubectl delete pod"
        f" {name} --force."
    )


def _named(left: Sequence[Manifest]) -> str:
    names = sorted(str(each["metadata"]["name"]) for each in left)
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"Pods {', '.join(names[:_MOST_NAMES])}{more}"
