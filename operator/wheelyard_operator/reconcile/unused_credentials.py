"""Removes the IAM user and the finalizers that an index no longer asks for."""

from wheelyard_operator.condition_types import CREDENTIALS_READY
from wheelyard_operator.observe import ObservedIndex
from wheelyard_operator.reconcile.children import Children
from wheelyard_operator.reconcile.finalizers import Finalizers
from wheelyard_operator.reconcile.storage import StorageStage
from wheelyard_operator.resource import BUCKET_FINALIZER, FINALIZER, Manifest
from wheelyard_operator.status.rollout import runs_with_credentials
from wheelyard_operator.status.storage import ReadyStorage


def remove_unused_credentials(
    observed: ObservedIndex, live: Manifest, ready: ReadyStorage, storage: StorageStage, children: Children
) -> None:
    """Remove one of them, if no pod uses it any more.

    `live` is the Deployment that was just applied.
    """
    index, finalizers = observed.index, Finalizers(children.kube)
    if BUCKET_FINALIZER in index.meta.finalizers and BUCKET_FINALIZER not in index.finalizers:
        finalizers.remove(index, BUCKET_FINALIZER)
        return
    if index.has_user or FINALIZER not in index.meta.finalizers:
        return
    if runs_with_credentials(ready.credentials_digest, live, observed.pods):
        storage.release(index)
        if index.storage_secret_name != index.made_secret_name:
            children.remove("Secret", index.meta.namespace, index.made_secret_name, CREDENTIALS_READY)
        finalizers.remove(index, FINALIZER)
