"""What kube-score and checkov find in the chart and we leave as it is, each with the reason.

A finding that is not here fails a test, and so does an exception that nothing needs any more.
"""

DEFAULT, EVERYTHING = "default", "everything"
"""The two sets of values that are looked at."""
OPERATOR, TEST = "Deployment", "Pod"
"""The containers that are meant: the operator, and the pod of `helm test`."""

_CPU = (
    "A limit of CPU throttles a program in the middle of its work even where the node is idle: reconciling gets "
    "slow, and a Lease is lost. The request sees to its share. To set a limit, use `resources`."
)
_EPHEMERAL = (
    "The root is read-only, /tmp has a size limit and logs are rotated by the kubelet. A request keeps pods off "
    "nodes that do not count local storage, such as those of kind without root. To set one, use `resources`."
)
_PULL = (
    "Tags of releases never change, and `image.digest` is for those who trust no tag; `Always` needs the registry "
    "at each start."
)
_DIGEST = "A chart does not know the digest that the image gets in your registry; `image.digest` takes it."
_POLICY = (
    "Off unless asked for: which ports lead to the API server and to S3 differs from cluster to cluster, and a "
    "wrong policy cuts the operator off. `networkPolicy.enabled` has one for each pod."
)
_ENDS = "A pod that asks once and ends: there is nothing to probe."

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
    ): "Index servers serve without an operator; `replicas` makes it more.",
    (EVERYTHING, OPERATOR, "deployment-has-host-podantiaffinity"): (
        "Topology spread over nodes and zones does the same, and does not stop a roll-out where there are "
        "too few nodes."
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
    ): "An operator talks to the API server: that is what its ServiceAccount's token is for.",
    (
        EVERYTHING,
        OPERATOR,
        "CKV_K8S_38",
    ): "An operator talks to the API server: that is what its ServiceAccount's token is for.",
    (EVERYTHING, OPERATOR, "CKV_K8S_35"): (
        "The AWS SDK's own way to be given keys. A role (IRSA, Pod Identity) needs none and is what we advise."
    ),
    (DEFAULT, TEST, "CKV_K8S_8"): _ENDS,
    (EVERYTHING, TEST, "CKV_K8S_8"): _ENDS,
    (DEFAULT, TEST, "CKV_K8S_9"): _ENDS,
    (EVERYTHING, TEST, "CKV_K8S_9"): _ENDS,
}
