"""The Job that runs `wheelyard verify` on the storage of an index: it reads and never writes."""

from collections.abc import Sequence

from wheelyard_operator.desired.common import SERVER, owner_reference, selector_labels
from wheelyard_operator.desired.index_file import CONFIG_FILE, CONFIG_FOLDER, VOLUME_FOLDER
from wheelyard_operator.resource import GROUP, MANAGED_BY_LABEL, Manifest, PackageIndex, VolumeStorage

MANAGER = "kubectl-wheelyard"
VERIFIES_LABEL = f"{GROUP}/verifies"
CONTAINER = "verify"
_MAX_NAME_LENGTH = 63
_KEPT_SECONDS = 3600
"""How long a Job stays if its command was killed before it could remove the Job."""
_MOUNTS = {CONFIG_FOLDER, VOLUME_FOLDER, "/tmp"}  # noqa: S108 - an emptyDir of the pod
_OF_POD = (
    "serviceAccountName",
    "automountServiceAccountToken",
    "enableServiceLinks",
    "shareProcessNamespace",
    "securityContext",
    "imagePullSecrets",
    "nodeSelector",
    "tolerations",
)
_OF_CONTAINER = ("image", "imagePullPolicy", "env", "resources", "securityContext")


def verify_job(index: PackageIndex, deployment: Manifest, name_end: str, options: Sequence[str]) -> Manifest:
    """Return a Job with the image, configuration and credentials of the servers' live Deployment.

    Its pod has the permissions of their pods and no others. Neither the Service nor the operator
    takes it for one of them.
    """
    labels = {
        "app.kubernetes.io/name": "wheelyard",
        "app.kubernetes.io/component": "verify",
        MANAGED_BY_LABEL: MANAGER,
        VERIFIES_LABEL: index.meta.name,
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": _name(index, name_end),
            "namespace": index.meta.namespace,
            "labels": labels,
            "ownerReferences": [owner_reference(index.meta)],
        },
        "spec": {
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
            "template": {
                "metadata": {"labels": labels},
                "spec": _pod(index, deployment["spec"]["template"]["spec"], options),
            },
        },
    }


def _name(index: PackageIndex, end: str) -> str:
    return f"{f'{index.child_name}-verify'[: _MAX_NAME_LENGTH - len(end) - 1]}-{end}"


def _pod(index: PackageIndex, servers: Manifest, options: Sequence[str]) -> Manifest:
    server = next(each for each in servers["containers"] if each["name"] == SERVER)
    mounts = [
        {**each, "readOnly": True} if each["mountPath"] == VOLUME_FOLDER else each for each in _mounts(server)
    ]
    volumes = {each["name"] for each in mounts}
    return {
        **{field: servers[field] for field in _OF_POD if field in servers},
        **_affinity(index),
        "restartPolicy": "Never",
        "containers": [
            {
                "name": CONTAINER,
                **{field: server[field] for field in _OF_CONTAINER if field in server},
                "command": ["wheelyard", "verify", "--config", CONFIG_FILE, *options],
                "volumeMounts": mounts,
            }
        ],
        "volumes": [each for each in servers["volumes"] if each["name"] in volumes],
    }


def _mounts(server: Manifest) -> list[Manifest]:
    """Return the mounts that a check needs: not the access file, and no cache."""
    return [each for each in server["volumeMounts"] if each["mountPath"] in _MOUNTS]


def _affinity(index: PackageIndex) -> Manifest:
    if not isinstance(index.storage, VolumeStorage):
        return {}
    # Its volume can be mounted on one node at a time: the server's, if there is one.
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": selector_labels(index)}}
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {"affinity": {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}}
