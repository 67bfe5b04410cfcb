import pytest

from unit.wheelyard_operator.fakes import an_index
from wheelyard_operator.condition_types import SINGLE_SIGN_ON_READY
from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import SingleSignOn
from wheelyard_operator.status.single_sign_on import single_sign_on_condition

OIDC = {
    "issuer": "https://dex.example.com",
    "clientId": "wheelyard",
    "clientSecretRef": {"name": "dex"},
    "groups": [{"provider": "platform-team", "group": "platform"}],
}


def sign_on() -> SingleSignOn:
    found = an_index(spec={"web": {"oidc": OIDC}}).web.single_sign_on
    assert found is not None
    return found


def test_it_names_the_redirect_uri_to_register() -> None:
    found = single_sign_on_condition(sign_on(), "https://a.example.com/team/pypi/", None)
    assert (found.type, found.status, found.reason) == (SINGLE_SIGN_ON_READY, "True", "Ready")
    assert "at https://a.example.com/team/pypi/login/ with https://dex.example.com." in found.message
    assert found.message.endswith("redirect URI https://a.example.com/team/pypi/login/oidc/callback/.")


def test_without_https_it_says_what_to_set_and_what_works_until_then() -> None:
    found = single_sign_on_condition(sign_on(), "http://wheelyard-main.packages.svc.cluster.local/", None)
    assert (found.status, found.reason) == ("False", "NoHTTPS")
    for part in ("spec.ingress.tls", "spec.external.url", "kubectl wheelyard open", "/login/oidc/callback/"):
        assert part in found.message


@pytest.mark.parametrize("url", ["http://localhost:8080/", "http://127.0.0.1/", "http://[::1]:80/"])
def test_one_s_own_machine_needs_no_https(url: str) -> None:
    assert single_sign_on_condition(sign_on(), url, None).status == "True"
    assert single_sign_on_condition(sign_on(), "http://localhost.example.com/", None).status == "False"


def test_a_problem_comes_first() -> None:
    problem = Problem(SINGLE_SIGN_ON_READY, "SecretNotFound", "No Secret.")
    found = single_sign_on_condition(sign_on(), "http://a/", problem)
    assert (found.status, found.reason, found.message) == ("False", "SecretNotFound", "No Secret.")
