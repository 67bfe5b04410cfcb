import pytest

from unit.wheelyard_operator.fakes import an_index
from wheelyard_operator.condition_types import SINGLE_SIGN_ON_READY
from wheelyard_operator.policy_states import FileState
from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import SingleSignOn
from wheelyard_operator.status.conditions import Condition
from wheelyard_operator.status.single_sign_on import is_pending, single_sign_on_condition

CURRENT = "current"
IN_FORCE, EARLIER = FileState(CURRENT, True, ""), FileState("earlier", True, "")
URL = "https://a.example.com/"
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


def shown(url: str, problem: Problem | None = None, **used: FileState | None) -> Condition:
    return single_sign_on_condition(sign_on(), url, problem, CURRENT, used)


def test_it_names_the_redirect_uri_to_register() -> None:
    found = shown("https://a.example.com/team/pypi/")
    assert (found.type, found.status, found.reason) == (SINGLE_SIGN_ON_READY, "True", "Ready")
    assert "at https://a.example.com/team/pypi/login/ with https://dex.example.com." in found.message
    assert found.message.endswith("redirect URI https://a.example.com/team/pypi/login/oidc/callback/.")


def test_without_https_it_says_what_to_set_and_what_works_until_then() -> None:
    found = shown("http://wheelyard-main.packages.svc.cluster.local/")
    assert (found.status, found.reason) == ("False", "NoHTTPS")
    for part in ("spec.ingress.tls", "spec.external.url", "kubectl wheelyard open", "/login/oidc/callback/"):
        assert part in found.message


@pytest.mark.parametrize("url", ["http://localhost:8080/", "http://127.0.0.1/", "http://[::1]:80/"])
def test_one_s_own_machine_needs_no_https(url: str) -> None:
    assert shown(url).status == "True"
    assert shown("http://localhost.example.com/").status == "False"


def test_a_problem_comes_first() -> None:
    problem = Problem(SINGLE_SIGN_ON_READY, "SecretNotFound", "No Secret.")
    found = shown("http://a/", problem)
    assert (found.status, found.reason, found.message) == ("False", "SecretNotFound", "No Secret.")


def test_it_is_ready_once_every_server_uses_the_current_file() -> None:
    assert shown(URL, one=IN_FORCE, two=IN_FORCE).reason == "Ready"
    found = shown(URL, one=IN_FORCE, two=EARLIER)
    assert (found.status, found.reason) == ("Unknown", "Updating")
    assert (is_pending(CURRENT, {"one": EARLIER}), is_pending(CURRENT, {"one": IN_FORCE, "two": None})) == (
        True,
        False,
    )


def test_a_server_of_an_older_image_has_no_single_sign_on() -> None:
    """`indexServers.image` keeps the image of the servers while the operator is upgraded."""
    found = shown(URL, one=IN_FORCE, two=None)
    assert (found.status, found.reason) == ("Unknown", "ServersTooOld")
    assert "Index server two has no single sign-on" in found.message
    assert "indexServers.image" in found.message


def test_a_server_that_refuses_the_file_says_why() -> None:
    found = shown(URL, one=None, two=FileState("earlier", False, "keys: too short."))
    assert (found.status, found.reason) == ("False", "SessionsFileRefused")
    assert "keeps the previous one: keys: too short. Is its image" in found.message
    assert not is_pending(CURRENT, {"two": FileState("earlier", False, "")})
