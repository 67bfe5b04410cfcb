"""The certificates under which indexes are reached: only when they end; nothing here uses them."""

from cryptography import x509

from wheelyard_operator.desired.common import decoded
from wheelyard_operator.desired.ingress import tls_secret_name
from wheelyard_operator.kube import Kube
from wheelyard_operator.resource import PackageIndex
from wheelyard_operator.times import written


def certificate_ends(kube: Kube, index: PackageIndex) -> str:
    """Return when the certificate of an index's Ingress ends, RFC 3339, "" where there is none that can be read."""
    name = tls_secret_name(index)
    secret = kube.get("Secret", index.meta.namespace, name) if name else None
    if secret is None:
        return ""
    try:
        return written(x509.load_pem_x509_certificate(decoded(secret, "tls.crt").encode()).not_valid_after_utc)
    except ValueError:
        return ""
