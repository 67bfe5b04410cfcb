from pathlib import Path

from cryptography import x509

from support.tls import certify
from wheelyard_operator.desired.certificates import certificate_expiry
from wheelyard_operator.desired.common import encoded
from wheelyard_operator.resource import Manifest
from wheelyard_operator.times import rfc3339


def secret(content: str) -> Manifest:
    return {"kind": "Secret", "data": encoded({"tls.crt": content})}


def test_the_expiry_of_a_chain_is_that_of_its_first_certificate(tmp_path: Path) -> None:
    chain = certify(tmp_path, "pypi.example.com").chain.read_text()
    expiry = rfc3339(x509.load_pem_x509_certificate(chain.encode()).not_valid_after_utc)
    assert certificate_expiry(secret(chain)) == expiry


def test_without_a_certificate_that_can_be_read_there_is_no_expiry() -> None:
    assert certificate_expiry(None) == ""
    assert certificate_expiry(secret("not a certificate")) == ""
    assert certificate_expiry({"kind": "Secret"}) == ""
