"""When the certificate of an index's Ingress expires. Nothing here uses the certificate."""

from cryptography import x509

from wheelyard_operator.desired.common import decoded
from wheelyard_operator.resource import Manifest
from wheelyard_operator.times import rfc3339


def certificate_expiry(secret: Manifest | None) -> str:
    """Return when the certificate in a TLS Secret expires, RFC 3339, "" without a valid one."""
    try:
        pem = decoded(secret or {}, "tls.crt").encode()
        return rfc3339(x509.load_pem_x509_certificate(pem).not_valid_after_utc)
    except ValueError:
        return ""
