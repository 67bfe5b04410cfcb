import pytest

from wheelyard_operator.egress import EgressError, EgressSettings, Host

ROLE = "arn:aws:iam::111122223333:role/team/wheelyard-{namespace}"


def egress(**variables: str) -> EgressSettings:
    return EgressSettings.from_environment({f"WHEELYARD_UPSTREAM_{name}": text for name, text in variables.items()})


def test_by_default_pypi_and_osv_alone_are_allowed() -> None:
    assert egress() == EgressSettings()
    assert (egress().allows_pypi, egress().allows_osv) == (True, True)
    assert (egress(HOSTS="").allows_pypi, egress(HOSTS="").allows_osv) == (False, False)
    assert (egress(HOSTS="osv").allows_pypi, egress(HOSTS="osv").allows_osv) == (False, True)


def test_everything_is_read() -> None:
    assert egress(
        HOSTS="pypi, *.example.com,{namespace}.pypi.example:8443,http://nexus.packages.svc:8081",
        ROLES=ROLE,
        PROXY="http://proxy.example.com:3128/",
        NO_PROXY=".corp.example, 10.0.0.1",
        DENIED_NETWORKS="203.0.113.7/24,2001:db8::/32",
    ) == EgressSettings(
        allowed_hosts=(
            Host("", "*.example.com", ""),
            Host("", "{namespace}.pypi.example", ":8443"),
            Host("http://", "nexus.packages.svc", ":8081"),
        ),
        allows_pypi=True,
        allows_osv=False,
        allowed_roles=(ROLE,),
        proxy="http://proxy.example.com:3128",
        no_proxy=("corp.example", "10.0.0.1"),
        denied_networks=("203.0.113.0/24", "2001:db8::/32"),
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("HOSTS", "https://a.example", "must be pypi, osv, HOST, HOST:PORT or http://HOST:PORT"),
        ("HOSTS", "a.example/simple", "must be pypi, osv, HOST"),
        ("HOSTS", "a:0", "must be pypi"),
        ("HOSTS", "A.example", "must have lowercase letters"),
        ("HOSTS", "x{namespace}.example", "between {namespace} and its neighbors"),
        ("ROLES", "wheelyard", "must be the ARN of a role"),
        ("ROLES", "arn:aws:iam::111122223333:role/*", "must be the ARN of a role"),
        ("PROXY", "http://me:secret@proxy:3128", "without a login"),
        ("PROXY", "https://proxy:3128", "http://proxy.example.com:3128"),
        ("DENIED_NETWORKS", "cluster", "must be a network"),
        ("DENIED_NETWORKS", "0.0.0.0/0", "has all addresses"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(name: str, value: str, message: str) -> None:
    with pytest.raises(EgressError) as refused:
        egress(**{name: value})
    assert message in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_role_is_allowed_to_one_namespace_or_to_all() -> None:
    one = egress(ROLES=ROLE)
    assert one.allows_role(ROLE.replace("{namespace}", "team-a"), "team-a")
    assert not one.allows_role(ROLE.replace("{namespace}", "team-b"), "team-a")
    assert not one.allows_role(ROLE, "team-a")
    assert not egress().allows_role(ROLE, "team-a")
    assert egress(ROLES="arn:aws:iam::111122223333:role/all").allows_role(
        "arn:aws:iam::111122223333:role/all", "team-a"
    )


def test_hosts_of_no_proxy_and_their_subdomains_are_reached_directly() -> None:
    through = egress(PROXY="http://proxy:3128", NO_PROXY="corp.example")
    assert through.uses_proxy("a.example")
    assert through.uses_proxy("notcorp.example")
    assert not through.uses_proxy("corp.example")
    assert not through.uses_proxy("a.corp.example")
    assert not egress().uses_proxy("a.example")
