"""The Ingress in front of the external listener."""

from wheelyard_operator.desired.common import index_metadata
from wheelyard_operator.desired.service import EXTERNAL
from wheelyard_operator.resource import IngressSpec, Manifest, PackageIndex

_ISSUER_ANNOTATIONS = {"Issuer": "cert-manager.io/issuer", "ClusterIssuer": "cert-manager.io/cluster-issuer"}


def ingress(index: PackageIndex) -> Manifest | None:
    """Route a host to the external listener.

    Annotations ask cert-manager: its kinds are never written.
    """
    spec = index.external.ingress
    if spec is None:
        return None
    backend = {"service": {"name": index.child_name, "port": {"name": EXTERNAL}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    metadata = index_metadata(index, index.child_name)
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {**metadata, **({"annotations": annotations} if (annotations := _annotations(spec)) else {})},
        "spec": {
            **({"ingressClassName": spec.class_name} if spec.class_name else {}),
            "rules": [{"host": spec.host, "http": {"paths": paths}}],
            **(
                {"tls": [{"hosts": [spec.host], "secretName": secret}]}
                if (secret := index.external.tls_secret_name(index.child_name))
                else {}
            ),
        },
    }


def _annotations(spec: IngressSpec) -> dict[str, str]:
    kind, name = spec.tls.issuer if spec.tls else ("", "")
    return {**dict(spec.annotations), **({_ISSUER_ANNOTATIONS[kind]: name} if name else {})}
