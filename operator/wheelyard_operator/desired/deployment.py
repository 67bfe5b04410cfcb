"""The Deployment of an index's servers."""

from wheelyard_operator.desired.common import (
    CONFIG_ANNOTATION,
    SERVER,
    index_metadata,
    selector_labels,
)
from wheelyard_operator.desired.index_file import (
    CACHE_FOLDER,
    CONFIG_FILE,
    CONFIG_FOLDER,
    DRAIN_SECONDS,
    EXTERNAL_PORT,
    GRACE_SECONDS,
    METRICS_PORT,
    PORT,
    SCRATCH_FOLDER,
    VOLUME_FOLDER,
    on_volume,
    scratch_bytes,
)
from wheelyard_operator.desired.policy_file import policy_mount, policy_volume
from wheelyard_operator.desired.storage_secret import KEY_ID, KEY_SECRET, SESSION_TOKEN
from wheelyard_operator.desired.upstreams import credentials_mount, credentials_volume
from wheelyard_operator.desired.webhook import webhook_mount, webhook_volume
from wheelyard_operator.resource import (
    CREDENTIALS_ANNOTATION,
    MANAGED_BY_LABEL,
    OPERATOR,
    Manifest,
    PackageIndex,
    Pods,
    VolumeStorage,
)
from wheelyard_operator.settings import Settings

_USER = 65532
_SPARE_SECONDS = 15
_SPARE_BYTES = 512 * 1024**2


def deployment(
    index: PackageIndex, settings: Settings, *, config_digest: str, credentials_digest: str, scaled: bool = False
) -> Manifest:
    """Return the Deployment.

    Content that is read only at start has a digest: a change rolls the pods.

    If `scaled`, an autoscaler sets the number of servers, and the field is left out.
    """
    annotations = {CONFIG_ANNOTATION: config_digest, CREDENTIALS_ANNOTATION: credentials_digest}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": index_metadata(index, index.child_name),
        "spec": {
            **({} if scaled else {"replicas": index.min_replicas}),
            "revisionHistoryLimit": 3,
            "selector": {"matchLabels": selector_labels(index)},
            "strategy": _strategy(index),
            "template": {
                "metadata": {
                    "labels": {**selector_labels(index), MANAGED_BY_LABEL: OPERATOR},
                    "annotations": annotations,
                },
                "spec": _pod(index, settings),
            },
        },
    }


def _strategy(index: PackageIndex) -> Manifest:
    if isinstance(index.storage, VolumeStorage):
        # Two servers must not write to one volume.
        return {"type": "Recreate"}
    return {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}


def _pod(index: PackageIndex, settings: Settings) -> Manifest:
    return {
        "serviceAccountName": index.child_name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # Process 1 loses a SIGTERM that comes before its handler, and would then run for minutes.
        "shareProcessNamespace": True,
        "terminationGracePeriodSeconds": DRAIN_SECONDS + GRACE_SECONDS + _SPARE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": selector_labels(index)},
            }
            for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ],
        "containers": [_container(index, settings)],
        "volumes": _volumes(index),
        **_scheduling(index.pods, settings),
    }


def _scheduling(pods: Pods, settings: Settings) -> Manifest:
    """Return the optional fields that are set."""
    fields = {
        "imagePullSecrets": [{"name": name} for name in settings.image_pull_secrets],
        "nodeSelector": pods.node_selector,
        "tolerations": list(pods.tolerations),
        "priorityClassName": pods.priority_class,
    }
    return {name: value for name, value in fields.items() if value}


def _volumes(index: PackageIndex) -> list[Manifest]:
    volumes: list[Manifest] = [
        {"name": "config", "configMap": {"name": index.child_name}},
        {"name": "access", "secret": {"secretName": index.access_secret_name, "defaultMode": 0o440}},
        *policy_volume(index),
        *credentials_volume(index),
        *webhook_volume(index),
    ]
    if on_volume(index):
        volumes.append({"name": "data", "persistentVolumeClaim": {"claimName": index.child_name}})
    else:
        # The server keeps its own limits; these protect the node from a server that does not.
        volumes += [
            {"name": "scratch", "emptyDir": {"sizeLimit": str(2 * scratch_bytes(index))}},
            {"name": "cache", "emptyDir": {"sizeLimit": str(index.serving.cache_bytes + _SPARE_BYTES)}},
        ]
    return [*volumes, {"name": "tmp", "emptyDir": {"sizeLimit": str(_SPARE_BYTES)}}]


def _mounts(index: PackageIndex) -> list[Manifest]:
    folders = {"data": VOLUME_FOLDER} if on_volume(index) else {"scratch": SCRATCH_FOLDER, "cache": CACHE_FOLDER}
    return [
        {"name": "config", "mountPath": CONFIG_FOLDER, "readOnly": True},
        {"name": "access", "mountPath": "/etc/wheelyard/access", "readOnly": True},
        *policy_mount(index),
        *credentials_mount(index),
        *webhook_mount(index),
        *({"name": name, "mountPath": path} for name, path in folders.items()),
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - an emptyDir of the pod
    ]


def _container(index: PackageIndex, settings: Settings) -> Manifest:
    return {
        "name": SERVER,
        "image": settings.image,
        "imagePullPolicy": settings.image_pull_policy,
        "command": ["wheelyard", "serve", "--config", CONFIG_FILE],
        "env": _environment(index),
        "ports": [
            {"name": "http", "containerPort": PORT, "protocol": "TCP"},
            {"name": "external", "containerPort": EXTERNAL_PORT, "protocol": "TCP"},
            {"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"},
        ],
        "startupProbe": _probe("/-/healthz", periodSeconds=1, failureThreshold=60),
        "readinessProbe": _probe("/-/readyz", periodSeconds=5, failureThreshold=2),
        "livenessProbe": _probe("/-/healthz", periodSeconds=10, failureThreshold=6),
        "resources": index.pods.resources,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": _mounts(index),
    }


def _probe(path: str, **limits: int) -> Manifest:
    return {"httpGet": {"path": path, "port": "http"}, "timeoutSeconds": 3, **limits}


def _environment(index: PackageIndex) -> list[Manifest]:
    if isinstance(index.storage, VolumeStorage) or index.storage.cloud_role is not None:
        return []
    return [
        _from_secret(index, KEY_ID),
        _from_secret(index, KEY_SECRET),
        _from_secret(index, SESSION_TOKEN, optional=True),
    ]


def _from_secret(index: PackageIndex, key: str, *, optional: bool = False) -> Manifest:
    # Key by key, never envFrom: the Secret may belong to a team, with other keys in it.
    reference = {"name": index.storage_secret_name, "key": key}
    return {
        "name": key,
        "valueFrom": {"secretKeyRef": {**reference, **({"optional": True} if optional else {})}},
    }
