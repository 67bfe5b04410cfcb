from typing import Any

import pytest

from unit.wheelyard_operator.fakes import CLUSTER_ISSUER, a_login, a_user, an_index
from wheelyard_operator.desired.access_file import Trust, access_file, service_accounts
from wheelyard_operator.desired.trusts import IDENTITIES, PUBLISHERS, Trusts
from wheelyard_operator.resource.publishers import GITHUB_ISSUER, Identity

TRUST = Trust(CLUSTER_ISSUER, ((GITHUB_ISSUER, ()),), publishers=frozenset({GITHUB_ISSUER}))
RELEASE = {"github": {"repository": "acme/app", "workflow": "release.yml"}}
PUBLISH = [{"packages": ["acme-*"], "verbs": ["publish"]}]


def github(**claims: str) -> Identity:
    return Identity(GITHUB_ISSUER, tuple(sorted(claims.items())))


@pytest.mark.parametrize(
    ("one", "two", "overlap"),
    [
        (github(repository="acme/app"), github(repository="acme/app"), True),
        (github(repository="acme/app"), github(repository="acme/other"), False),
        (github(repository="acme/app"), github(repository="acme/app", environment="pypi"), True),
        (github(repository="acme/app", environment="x"), github(repository="acme/app", environment="y"), False),
        (github(repository="acme/*"), github(repository="acme/app"), True),
        (github(repository="acme/*"), github(repository="acme/a*"), True),
        (github(repository="acme/*"), github(repository="other/*"), False),
        (github(repository="acme/app"), Identity("https://other", (("repository", "acme/app"),)), False),
        (github(repository="acme/app"), github(sub="job"), False),
    ],
)
def test_whether_two_mean_some_job(one: Identity, two: Identity, *, overlap: bool) -> None:
    assert one.overlaps(two) is overlap
    assert two.overlaps(one) is overlap


def trusts(*users: tuple[str, dict[str, Any]]) -> tuple[Trusts, list[str]]:
    """Return who trusts what, where users were made in this order."""
    logins = [a_login(a_user(name, uid=f"uid-{number}", **fields)) for number, (name, fields) in enumerate(users)]
    found = Trusts.parse(access_file(an_index(), logins, TRUST))
    (identity,) = logins[0].user.publishers or service_accounts(logins[0].user, TRUST)
    way = PUBLISHERS if logins[0].user.publishers else IDENTITIES
    return found, [found.before(login.user.username, way, identity) for login in logins]


OURS = {"trusted_publishers": [RELEASE], "grants": PUBLISH}


def test_the_older_trust_stays_and_the_newer_user_is_notified() -> None:
    assert trusts(("z", OURS), ("a", OURS), ("b", OURS))[1] == ["", "packages.z", "packages.z"]


def test_a_user_without_rights_never_counts() -> None:
    """Whoever is admitted can name another team's job, before that team does, too."""
    assert trusts(("squatter", {**OURS, "grants": []}), ("team", OURS))[1] == ["packages.team", ""]


def test_a_serviceaccount_is_one_user_without_a_name() -> None:
    agent = {"service_accounts": ["agent"], "grants": PUBLISH}
    assert trusts(("one", agent), ("two", agent))[1] == ["", "packages.one"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"users": [1]}', '{"users": [{"groups": []}], "grants": [{}]}'])
def test_a_damaged_record_trusts_no_job(text: str) -> None:
    assert Trusts.parse(text) == Trusts()
