"""The rules alone. `test_user` has the whole way."""

import pytest

from unit.wheelyard_operator.fakes import (
    CLUSTER_ISSUER,
    RSA_KEY,
    SETTINGS,
    a_user,
    an_accepted_user,
    an_index,
)
from wheelyard_operator.desired.access_file import TrustedIssuers, access_file
from wheelyard_operator.problems import Problem
from wheelyard_operator.reconcile.access_files import InForce
from wheelyard_operator.reconcile.user_checks import (
    check_address,
    check_in_force,
    check_index,
    check_issuers,
    check_publishers,
    taken_identities,
)

ISSUER = "https://ci.example"
JOB = {"oidc": {"issuer": ISSUER, "claims": {"sub": "job"}}}
ISSUERS = TrustedIssuers(CLUSTER_ISSUER, ((ISSUER, (RSA_KEY,)),), publishers=frozenset({ISSUER}))


def test_an_index_that_is_deleted_or_missing_is_not_found() -> None:
    leaving = an_index()
    assert check_index(leaving, a_user()) is leaving
    with pytest.raises(Problem) as caught:
        check_index(None, a_user())
    assert caught.value.reason == "IndexNotFound"


def test_the_external_address_needs_one() -> None:
    outside = a_user(credentials={"listener": "External"})
    exposed = an_index(spec={"external": {"url": "https://pypi.example"}})
    assert check_address(exposed, outside, "cluster.local") == "https://pypi.example/"
    assert check_address(exposed, a_user(), "cluster.local").endswith(".svc.cluster.local/")
    with pytest.raises(Problem) as caught:
        check_address(an_index(), outside, "cluster.local")
    assert caught.value.reason == "NotExposed"


def test_an_issuer_must_be_trusted_by_the_cluster_and_have_keys() -> None:
    user = a_user(trusted_publishers=[JOB])
    with pytest.raises(Problem) as caught:
        check_issuers(user, SETTINGS)
    assert caught.value.reason == "IssuerNotAllowed"
    with pytest.raises(Problem) as caught:
        check_publishers(user, user, user, "")
    assert (caught.value.reason, caught.value.stalled) == ("IssuerUnavailable", False)


def test_a_login_is_in_force_only_with_everything_of_the_user_in_the_file() -> None:
    accepted = an_accepted_user(a_user(service_accounts=["runner"]))
    in_force = InForce(access_file(an_index(), [accepted], ISSUERS))
    check_in_force(an_index(), accepted, CLUSTER_ISSUER, in_force)
    with pytest.raises(Problem) as caught:
        check_in_force(an_index(), accepted, CLUSTER_ISSUER, InForce())
    assert (caught.value.reason, caught.value.stalled) == ("AccessPending", False)
    with pytest.raises(Problem) as caught:
        check_in_force(an_index(), accepted, "", in_force)
    assert caught.value.reason == "IssuerUnavailable"


@pytest.mark.parametrize(("namespace", "named"), [("packages", "as packages.first"), ("ci", "as another user")])
def test_another_user_is_named_only_within_the_namespace(namespace: str, named: str) -> None:
    first = an_accepted_user(a_user("first", trusted_publishers=[JOB], grants=[{"verbs": ["read"]}], uid="a"))
    second = a_user("second", namespace, trusted_publishers=[JOB])
    in_force = InForce(access_file(an_index(), [first], ISSUERS))
    without_jobs = a_user("second", namespace)
    (taken,) = taken_identities(second, without_jobs, CLUSTER_ISSUER, in_force)
    assert taken == f"sub=job ({named})"
