from pathlib import Path

from cryptography import x509

from support.tls import certify
from unit.wheelyard_operator.fakes import FakeKube, an_index
from wheelyard_operator.desired.common import encoded
from wheelyard_operator.reconcile.certificates import certificate_ends
from wheelyard_operator.times import written

HOST = "pypi.example.com"
INDEX = an_index(spec={"ingress": {"host": HOST, "tls": {"secretName": "pypi-tls"}}})


def secret(content: str, name: str = "pypi-tls") -> FakeKube:
    metadata = {"name": name, "namespace": "packages"}
    return FakeKube({"kind": "Secret", "metadata": metadata, "data": encoded({"tls.crt": content})})


def test_when_a_certificate_ends(tmp_path: Path) -> None:
    chain = certify(tmp_path, HOST).chain.read_text()
    ends = written(x509.load_pem_x509_certificate(chain.encode()).not_valid_after_utc)
    assert certificate_ends(secret(chain), INDEX) == ends
    by_cert_manager = an_index(spec={"ingress": {"host": HOST, "tls": {"issuerRef": {"name": "ca"}}}})
    assert certificate_ends(secret(chain, "wheelyard-main-tls"), by_cert_manager) == ends


def test_a_missing_or_unreadable_certificate_has_no_end() -> None:
    assert certificate_ends(FakeKube(), INDEX) == ""
    assert certificate_ends(secret("not a certificate"), INDEX) == ""
    assert certificate_ends(FakeKube(), an_index(spec={"ingress": {"host": HOST}})) == ""
    assert certificate_ends(FakeKube(), an_index()) == ""
