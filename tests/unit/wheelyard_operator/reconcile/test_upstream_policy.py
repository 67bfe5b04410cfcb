from typing import Any

import pytest

from support.tls import certificate_of_an_authority
from unit.wheelyard_operator.fakes import an_index
from wheelyard_operator.egress import EgressSettings
from wheelyard_operator.reconcile.upstream_policy import blocked_upstreams

ROLE = "arn:aws:iam::111122223333:role/wheelyard-"
DOMAIN = {"domain": "acme", "domainOwner": "111122223333", "region": "eu-west-1"}


def egress(*hosts: str, roles: str = "") -> EgressSettings:
    variables = {"WHEELYARD_UPSTREAM_HOSTS": ",".join(hosts), "WHEELYARD_UPSTREAM_ROLES": roles}
    return EgressSettings.from_environment(variables)


def blocked(settings: EgressSettings, namespace: str = "team-a", **fields: Any) -> dict[str, tuple[str, str]]:
    one = {"name": "partner", "url": "https://packages.example.com/simple/", **fields}
    body = {key: value for key, value in one.items() if value is not None}
    index = an_index(namespace=namespace, spec={"upstreams": [body, {"name": "pypi", "pypi": {}}]})
    return {name: (each.reason, each.message) for name, each in blocked_upstreams(index, settings).items()}


def test_the_default_is_pypi_and_nothing_else() -> None:
    found = blocked(EgressSettings())
    assert {name: reason for name, (reason, _) in found.items()} == {"partner": "HostNotAllowed"}
    assert "packages.example.com" in found["partner"][1]
    assert "upstreams.allowedHosts of the operator's Helm chart" in found["partner"][1]
    assert set(blocked(egress("packages.example.com"))) == {"pypi"}


@pytest.mark.parametrize(
    ("host", "url", "allowed"),
    [
        ("packages.example.com", "https://packages.example.com/simple/", True),
        ("packages.example.com", "https://packages.example.com:443/", True),
        ("packages.example.com", "https://packages.example.com:8443/", False),
        ("packages.example.com", "http://packages.example.com/", False),
        ("packages.example.com", "https://packages.example.com.evil.example/", False),
        ("packages.example.com:8443", "https://packages.example.com:8443/", True),
        ("packages.example.com:8443", "https://packages.example.com/", False),
        ("packages.example.com:443", "https://packages.example.com/", True),
        ("http://nexus.svc:80", "http://nexus.svc/", True),
        ("http://nexus.svc:443", "http://nexus.svc:443/", True),
        ("packages.example.com:80", "https://packages.example.com:80/", True),
        ("pypi:443", "https://pypi/simple/", True),
        ("*:443", "https://pypi/simple/", False),
        ("http://nexus.svc:8081", "http://nexus.svc:8081/a/", True),
        ("http://nexus.svc:8081", "https://nexus.svc:8081/a/", False),
        ("*.example.com", "https://packages.example.com/", True),
        ("*.example.com", "https://example.com/", False),
        ("{namespace}.pypi.example.com", "https://team-a.pypi.example.com/", True),
        ("{namespace}.pypi.example.com", "https://team-b.pypi.example.com/", False),
        ("pypi", "https://pypi/simple/", False),
        ("pypi", "http://pypi/simple/", False),
        ("*", "https://169.254.169.254/", False),
        ("*", "https://2852039166/", False),
        ("*", "https://0xa9fea9fe/", False),
        ("*", "https://169.254.169.254./", False),
        ("192.0.2.7", "https://192.0.2.7/", True),
    ],
)
def test_a_host_is_allowed_by_its_scheme_name_and_port(host: str, url: str, *, allowed: bool) -> None:
    assert ("partner" not in blocked(egress("pypi", host), url=url)) is allowed


def test_hosts_of_files_must_be_allowed_too() -> None:
    settings = egress("pypi", "packages.example.com", "files.example.com")
    assert blocked(settings, fileHosts=["files.example.com"]) == {}
    found = blocked(settings, fileHosts=["files.example.com", "other.example.com"])
    assert "may not use other.example.com as upstreams" in found["partner"][1]


def test_a_message_names_no_host_of_another_namespace() -> None:
    (message,) = (text for _, text in blocked(egress("pypi", "team-b.secret.example.com")).values())
    assert "team-b" not in message


def test_a_role_of_another_namespace_is_refused() -> None:
    settings = egress("pypi", "packages.example.com", roles=f"{ROLE}{{namespace}}")
    for role, reason in ((f"{ROLE}team-a", None), (f"{ROLE}team-b", "RoleNotAllowed"), ("", None)):
        found = blocked(settings, credentials={"codeArtifact": {**DOMAIN, "roleARN": role}})
        assert found.get("partner", (None,))[0] == reason


def test_certificates_must_be_readable() -> None:
    settings = egress("pypi", "packages.example.com")
    pem = certificate_of_an_authority()
    assert blocked(settings, caBundle=pem) == blocked(settings, caBundle=f"# B\u00fcro K\u00f6ln\n{pem}") == {}
    for wrong in ("x", "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n", "\u00e4"):
        assert blocked(settings, caBundle=wrong)["partner"][0] == "CABundleInvalid", wrong
