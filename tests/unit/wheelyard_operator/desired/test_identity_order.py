from typing import Any

import pytest

from unit.wheelyard_operator.fakes import CLUSTER_ISSUER, a_user, an_accepted_user, an_index
from wheelyard_operator.desired.access_file import TrustedIssuers, access_file, service_accounts
from wheelyard_operator.desired.identity_order import IDENTITIES, PUBLISHERS, IdentityOrder
from wheelyard_operator.resource.publishers import GITHUB_ISSUER, TokenIdentity

ISSUERS = TrustedIssuers(CLUSTER_ISSUER, ((GITHUB_ISSUER, ()),), publishers=frozenset({GITHUB_ISSUER}))
RELEASE = {"github": {"repository": "acme/app", "workflow": "release.yml"}}
PUBLISH = [{"packages": ["acme-*"], "verbs": ["publish"]}]


def github(**claims: str) -> TokenIdentity:
    return TokenIdentity(GITHUB_ISSUER, tuple(sorted(claims.items())))


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
        (github(repository="acme/app"), TokenIdentity("https://other", (("repository", "acme/app"),)), False),
        (github(repository="acme/app"), github(sub="job"), False),
    ],
)
def test_overlapping_identities_are_recognized(one: TokenIdentity, two: TokenIdentity, *, overlap: bool) -> None:
    assert one.overlaps(two) is overlap
    assert two.overlaps(one) is overlap


def trusts(*users: tuple[str, dict[str, Any]]) -> tuple[IdentityOrder, list[str]]:
    """Return who trusts what, where users were made in this order."""
    accepted_users = [
        an_accepted_user(a_user(name, uid=f"uid-{number}", **fields)) for number, (name, fields) in enumerate(users)
    ]
    found = IdentityOrder.parse(access_file(an_index(), accepted_users, ISSUERS))
    (identity,) = accepted_users[0].user.publishers or service_accounts(accepted_users[0].user, ISSUERS)
    kind = PUBLISHERS if accepted_users[0].user.publishers else IDENTITIES
    return found, [found.preferred(accepted.user.username, kind, identity) for accepted in accepted_users]


OURS = {"trusted_publishers": [RELEASE], "grants": PUBLISH}


def test_the_older_trust_stays_and_the_newer_user_is_notified() -> None:
    assert trusts(("z", OURS), ("a", OURS), ("b", OURS))[1] == ["", "packages.z", "packages.z"]


def test_a_user_without_rights_never_counts() -> None:
    """Any admitted user can name another team's job, even before that team does."""
    assert trusts(("squatter", {**OURS, "grants": []}), ("team", OURS))[1] == ["packages.team", ""]


def test_a_serviceaccount_grant_is_one_unnamed_user() -> None:
    agent = {"service_accounts": ["agent"], "grants": PUBLISH}
    assert trusts(("one", agent), ("two", agent))[1] == ["", "packages.one"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"users": [1]}', '{"users": [{"groups": []}], "grants": [{}]}'])
def test_a_damaged_record_trusts_no_job(text: str) -> None:
    assert IdentityOrder.parse(text) == IdentityOrder()
