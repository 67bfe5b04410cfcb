"""Has the kubelets sync what pods mount: otherwise they take a minute or more."""

from wheelyard_operator.observe import read_pods
from wheelyard_operator.problems import Problem
from wheelyard_operator.reconcile.children import Children
from wheelyard_operator.resource import PackageIndex


def annotate_pods(
    index: PackageIndex, name: str, digest: str, children: Children, condition: str
) -> Problem | None:
    """Set an annotation of all pods to the digest of a file that was just written.

    The kubelet of a pod that changes syncs it at once. Return what keeps a pod from being changed.
    """
    patch, problem = {"metadata": {"annotations": {name: digest}}}, None
    # Only now: a pod that started before the file was written has the previous one.
    for pod in read_pods(children.kube, index):
        if pod["metadata"].get("annotations", {}).get(name) == digest:
            continue
        try:
            children.patch(pod, patch, condition)
        except Problem as error:
            problem = error
    return problem
