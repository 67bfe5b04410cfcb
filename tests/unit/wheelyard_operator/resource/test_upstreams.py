from typing import Any

import pytest

from wheelyard_operator.resource.upstreams import CodeArtifact, Upstream, allowed_form, server_form


def parsed(**fields: Any) -> Upstream:
    return Upstream.parse({"name": "partner", "url": "https://a.example/simple/", **fields})


def test_the_defaults_are_those_of_the_schema() -> None:
    upstream = parsed()
    assert (upstream.packages, upstream.file_hosts, upstream.credentials) == (("*",), (), None)
    assert (upstream.fresh_seconds, upstream.stale_seconds) == (600, 86_400)
    assert (upstream.ca_bundle, upstream.absent_on, upstream.offline) == ("", (), False)


def test_pypi_is_a_word_and_no_host() -> None:
    assert Upstream.parse({"name": "pypi", "pypi": {}}).hosts == ("pypi",)
    assert parsed(url="https://pypi/simple/").hosts == ("pypi:443",)
    assert parsed(fileHosts=["pypi"]).hosts == ("a.example", "pypi:443")


@pytest.mark.parametrize(
    ("address", "allowed", "at_servers"),
    [
        ("https://a.example/simple/", "a.example", "a.example"),
        ("https://a.example:443/", "a.example", "a.example"),
        ("https://a.example:8443", "a.example:8443", "a.example:8443"),
        ("http://a.example/simple", "http://a.example", "a.example"),
        ("http://a.example:8081/", "http://a.example:8081", "a.example:8081"),
        ("http://a.example:443/", "http://a.example:443", "a.example:443"),
        ("https://a.example:80/", "a.example:80", "a.example:80"),
        ("files.example:443", "files.example", "files.example"),
        ("files.example:8443", "files.example:8443", "files.example:8443"),
        ("https://A.Example/", "a.example", "a.example"),
    ],
)
def test_hosts_are_compared_in_one_form(address: str, allowed: str, at_servers: str) -> None:
    assert allowed_form(address) == allowed
    assert server_form(allowed) == at_servers


def test_an_encrypted_and_a_plain_connection_are_two_hosts() -> None:
    assert allowed_form("http://a.example:8081/") != allowed_form("https://a.example:8081/")


def test_a_domain_of_code_artifact_has_a_role_or_none() -> None:
    body = {"domain": "acme", "domainOwner": "111122223333", "region": "eu-west-1"}
    upstream = parsed(credentials={"codeArtifact": body})
    assert upstream.code_artifact == CodeArtifact("acme", "111122223333", "eu-west-1", "")
    assert parsed(credentials={"secretRef": {"name": "keys"}}).code_artifact is None
    assert parsed().code_artifact is None
