"""Exceptions: findings of kube-score and checkov that we accept, each with the reason.

A finding that is not listed here fails a test, and so does an exception that is no longer needed.
"""

DEFAULT, EVERYTHING = "default", "everything"
"""The two sets of values that are scanned."""
OPERATOR, TEST = "Deployment", "Pod"
"""The kinds of the scanned pods: the operator's, and that of `helm test`."""

_CPU = (
    "A CPU limit throttles a program even on an idle node: reconciling gets slow, and a Lease is lost. The "
    "request guarantees its share. To set a limit, use `resources`."
)
_EPHEMERAL = (
    "The root is read-only, /tmp has a size limit and logs are rotated by the kubelet. A request keeps pods off "
    "nodes that do not count local storage, such as those of kind without root. To set one, use `resources`."
)
_PULL = (
    "Tags of releases never change, and users who do not trust tags can set `image.digest`; `Always` needs the "
    "registry at each start."
)
_DIGEST = "A chart does not know the image's digest in your registry; `image.digest` sets it."
_POLICY = (
    "Off by default: the ports of the API server and S3 differ from cluster to cluster, and a wrong policy cuts "
    "the operator off. `networkPolicy.enabled` creates one for each pod."
)
_ENDS = "A pod that makes one check and exits: there is nothing to probe."

KUBE_SCORE: dict[tuple[str, str, str], str] = {
    (DEFAULT, OPERATOR, "container-resources"): _CPU,
    (EVERYTHING, OPERATOR, "container-resources"): _CPU,
    (DEFAULT, TEST, "container-resources"): _CPU,
    (EVERYTHING, TEST, "container-resources"): _CPU,
    (DEFAULT, OPERATOR, "container-ephemeral-storage-request-and-limit"): _EPHEMERAL,
    (EVERYTHING, OPERATOR, "container-ephemeral-storage-request-and-limit"): _EPHEMERAL,
    (DEFAULT, TEST, "container-ephemeral-storage-request-and-limit"): _EPHEMERAL,
    (EVERYTHING, TEST, "container-ephemeral-storage-request-and-limit"): _EPHEMERAL,
    (DEFAULT, OPERATOR, "container-image-pull-policy"): _PULL,
    (DEFAULT, TEST, "container-image-pull-policy"): _PULL,
    (DEFAULT, OPERATOR, "pod-networkpolicy"): _POLICY,
    (DEFAULT, TEST, "pod-networkpolicy"): _POLICY,
    (
        DEFAULT,
        OPERATOR,
        "deployment-replicas",
    ): "Index servers keep serving without an operator; `replicas` can be raised.",
    (EVERYTHING, OPERATOR, "deployment-has-host-podantiaffinity"): (
        "Topology spread over nodes and zones does the same, and does not block a rollout if there are too "
        "few nodes."
    ),
}

CHECKOV: dict[tuple[str, str, str], str] = {
    (DEFAULT, OPERATOR, "CKV_K8S_11"): _CPU,
    (EVERYTHING, OPERATOR, "CKV_K8S_11"): _CPU,
    (DEFAULT, TEST, "CKV_K8S_11"): _CPU,
    (EVERYTHING, TEST, "CKV_K8S_11"): _CPU,
    (DEFAULT, OPERATOR, "CKV_K8S_15"): _PULL,
    (DEFAULT, TEST, "CKV_K8S_15"): _PULL,
    (DEFAULT, OPERATOR, "CKV_K8S_43"): _DIGEST,
    (DEFAULT, TEST, "CKV_K8S_43"): _DIGEST,
    (DEFAULT, OPERATOR, "CKV2_K8S_6"): _POLICY,
    (DEFAULT, TEST, "CKV2_K8S_6"): _POLICY,
    (
        DEFAULT,
        OPERATOR,
        "CKV_K8S_38",
    ): "An operator talks to the API server and needs its ServiceAccount's token.",
    (
        EVERYTHING,
        OPERATOR,
        "CKV_K8S_38",
    ): "An operator talks to the API server and needs its ServiceAccount's token.",
    (EVERYTHING, OPERATOR, "CKV_K8S_35"): (
        "The AWS SDK reads keys from the environment. We recommend a role (IRSA, Pod Identity), which needs none."
    ),
    (DEFAULT, TEST, "CKV_K8S_8"): _ENDS,
    (EVERYTHING, TEST, "CKV_K8S_8"): _ENDS,
    (DEFAULT, TEST, "CKV_K8S_9"): _ENDS,
    (EVERYTHING, TEST, "CKV_K8S_9"): _ENDS,
}
