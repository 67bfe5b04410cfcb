from __future__ import annotations

import yaml

from unit.wheelyard_operator.fakes import a_user, an_index
from wheelyard_operator.desired.access_file import Login, access_file

GRANTS = {
    "grants": [{"subjects": ["anonymous"], "verbs": ["read"]}],
    "externalGrants": [{"subjects": ["authenticated"], "verbs": ["read"]}],
}


def test_as_in_the_contract() -> None:
    user = a_user(
        namespace="ci", groups=["b", "a"], grants=[{"packages": ["acme-*"], "verbs": ["publish", "read"]}]
    )
    assert yaml.safe_load(access_file(an_index(access=GRANTS), [Login(user, "sha256:1")])) == {
        "users": [{"name": "ci.jenkins", "groups": ["a", "b"], "tokenDigests": ["sha256:1"]}],
        "grants": [
            {"subjects": ["anonymous"], "packages": ["*"], "verbs": ["read"]},
            {"subjects": ["user:ci.jenkins"], "packages": ["acme-*"], "verbs": ["publish", "read"]},
        ],
        "externalGrants": [{"subjects": ["authenticated"], "packages": ["*"], "verbs": ["read"]}],
    }


def test_the_order_of_users_does_not_matter() -> None:
    one = Login(a_user("one", grants=[{"verbs": ["read"]}]), "sha256:1")
    two = Login(a_user("two", grants=[{"verbs": ["read"]}]), "sha256:2")
    assert access_file(an_index(), [one, two]) == access_file(an_index(), [two, one])


def test_nobody() -> None:
    assert yaml.safe_load(access_file(an_index(), [])) == {"users": [], "grants": [], "externalGrants": []}
