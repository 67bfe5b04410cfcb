from dataclasses import replace

import yaml

from unit.wheelyard_operator.fakes import SETTINGS, an_index
from wheelyard_operator.desired.index_file import index_file
from wheelyard_operator.egress import EgressSettings


def test_the_file_is_as_in_the_contract() -> None:
    index = an_index(s3__prefix="team/", s3__region="eu-west-1")
    assert yaml.safe_load(index_file(index, SETTINGS)) == {
        "index": "packages/main",
        "storage": {"s3": {"bucket": "acme", "prefix": "team/", "region": "eu-west-1", "endpoint": ""}},
        "listeners": {
            "cluster": {"host": "0.0.0.0", "port": 8080},  # noqa: S104
            "external": {"host": "0.0.0.0", "port": 8081},  # noqa: S104
            "metrics": {"host": "0.0.0.0", "port": 9090},  # noqa: S104
        },
        "accessFile": "/etc/wheelyard/access/access.json.gz",
        "scratchFolder": "/scratch",
        "cache": {"folder": "/cache", "maxBytes": 5 * 1024**3},
        "limits": {
            "fileBytes": 5 * 1024**3,
            "metadataBytes": 2 * 1024**2,
            "projectFiles": 20_000,
            "scratchBytes": 20 * 1024**3,
        },
        "freshness": {"freshSeconds": 0, "staleSeconds": 3600},
        "logs": {"format": "json"},
        "shutdown": {"drainSeconds": 5, "graceSeconds": 300},
    }


def test_the_operators_own_values_replace_empty_ones() -> None:
    settings = replace(SETTINGS, s3_endpoint="http://s3:7070", region="us-west-2")
    s3 = yaml.safe_load(index_file(an_index(), settings))["storage"]["s3"]
    assert (s3["endpoint"], s3["region"]) == ("http://s3:7070", "us-west-2")
    s3 = yaml.safe_load(index_file(an_index(s3__endpoint="https://other"), settings))["storage"]["s3"]
    assert s3["endpoint"] == "https://other"


def test_authorities_of_our_own_are_for_servers_with_tls_that_are_not_aws() -> None:
    settings = replace(SETTINGS, ca_bundle="-----BEGIN CERTIFICATE-----")
    for url, has in (("", False), ("http://s3:7070", False), ("https://s3.example", True)):
        s3 = yaml.safe_load(index_file(an_index(s3__endpoint=url), settings))["storage"]["s3"]
        assert s3.get("caBundle") == (settings.ca_bundle if has else None)
    volume = index_file(an_index(storage={"volume": {"size": "1Gi"}}), settings)
    assert "caBundle" not in volume


def test_index_servers_log_as_the_operator_does() -> None:
    settings = replace(SETTINGS, log_format="text")
    assert yaml.safe_load(index_file(an_index(), settings))["logs"] == {"format": "text"}


def test_index_servers_trace_to_the_operators_endpoint() -> None:
    settings = replace(SETTINGS, tracing_endpoint="https://collector:4318", tracing_ratio=0.5)
    tracing = {"endpoint": "https://collector:4318", "ratio": 0.5}
    assert yaml.safe_load(index_file(an_index(), settings))["tracing"] == tracing


def test_pages_are_named_only_if_they_differ_from_the_servers_defaults() -> None:
    """A new key would replace the servers of every index, and stop those of an older release."""
    for web, expected in (
        ({}, None),
        ({"enabled": True, "images": False}, None),
        ({"enabled": False}, {"enabled": False}),
        ({"images": True}, {"images": True}),
    ):
        assert yaml.safe_load(index_file(an_index(spec={"web": web}), SETTINGS)).get("web") == expected


def test_single_sign_on_needs_the_proxy_alone_and_no_name_of_the_provider() -> None:
    """A changed provider replaces no pod."""
    oidc = {"issuer": "https://a", "clientId": "i", "clientSecretRef": {"name": "s"}, "groups": []}
    index = an_index(spec={"web": {"oidc": oidc}})
    assert "egress" not in yaml.safe_load(index_file(index, SETTINGS))
    proxied = replace(SETTINGS, egress=EgressSettings(proxy="http://proxy:3128"))
    written = index_file(index, proxied)
    assert yaml.safe_load(written)["egress"] == {"allowedHosts": ["proxy:3128"], "proxy": "http://proxy:3128"}
    other = an_index(spec={"web": {"oidc": {**oidc, "issuer": "https://b", "clientId": "j"}}})
    assert index_file(other, proxied) == written
    without = an_index(spec={"web": {"enabled": False, "oidc": oidc}})
    assert "egress" not in yaml.safe_load(index_file(without, proxied))
