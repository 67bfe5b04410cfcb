"""The Ingress in front of the external listener."""

from wheelyard_operator.desired.common import index_metadata
from wheelyard_operator.desired.service import EXTERNAL
from wheelyard_operator.resource import IngressSpec, Manifest, PackageIndex

_ISSUER_ANNOTATIONS = {"Issuer": "cert-manager.io/issuer", "ClusterIssuer": "cert-manager.io/cluster-issuer"}


def ingress(index: PackageIndex) -> Manifest | None:
    """Lead a host to the external listener. cert-manager is asked by annotations: its kinds are never touched."""
    wish = index.external.ingress
    if wish is None:
        return None
    backend = {"service": {"name": index.child_name, "port": {"name": EXTERNAL}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    metadata = index_metadata(index, index.child_name)
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {**metadata, **({"annotations": annotations} if (annotations := _annotations(wish)) else {})},
        "spec": {
            **({"ingressClassName": wish.class_name} if wish.class_name else {}),
            "rules": [{"host": wish.host, "http": {"paths": paths}}],
            **(
                {"tls": [{"hosts": [wish.host], "secretName": secret}]}
                if (secret := tls_secret_name(index))
                else {}
            ),
        },
    }


def tls_secret_name(index: PackageIndex) -> str:
    """Return the name of the Secret with the certificate, "" where the Ingress has none."""
    wish = index.external.ingress
    if wish is None or wish.tls is None:
        return ""
    return wish.tls.secret_name or f"{index.child_name}-tls"


def _annotations(wish: IngressSpec) -> dict[str, str]:
    kind, name = wish.tls.issuer if wish.tls else ("", "")
    return {**dict(wish.annotations), **({_ISSUER_ANNOTATIONS[kind]: name} if name else {})}
