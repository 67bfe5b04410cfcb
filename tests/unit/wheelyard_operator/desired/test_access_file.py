import json
import tracemalloc
from typing import Any

import pytest

from unit.wheelyard_operator.fakes import CLUSTER_ISSUER, RSA_KEY, TOKEN, a_user, an_accepted_user, an_index
from wheelyard_operator import tokens
from wheelyard_operator.desired.access_file import (
    ACCESS_FILE,
    MAX_BYTES,
    AcceptedUser,
    TrustedIssuers,
    access_file,
    entries,
    has_publisher,
    is_in_force,
    knows_issuer,
    packed,
    unpacked,
)
from wheelyard_operator.desired.credentials import ChosenPassword

GRANTS = {
    "grants": [{"subjects": ["anonymous"], "verbs": ["read"]}],
    "externalGrants": [{"subjects": ["authenticated"], "verbs": ["read"]}],
}
GITHUB = "https://token.actions.githubusercontent.com"
PUBLISHER = {"oidc": {"issuer": GITHUB, "claims": {"repository": "acme/app"}}}
NONE = TrustedIssuers()
ISSUERS = TrustedIssuers(
    CLUSTER_ISSUER, ((CLUSTER_ISSUER, (RSA_KEY,)), (GITHUB, (RSA_KEY,))), "secret", frozenset({GITHUB})
)


def read(*accepted_users: AcceptedUser, issuers: TrustedIssuers = NONE, **changes: Any) -> dict[str, Any]:
    content = json.loads(access_file(an_index(**changes), accepted_users, issuers))
    assert isinstance(content, dict)
    return content


def test_the_file_is_as_in_the_contract() -> None:
    user = a_user(groups=["b", "a"], grants=[{"packages": ["acme-*"], "verbs": ["publish", "read"]}])
    assert read(an_accepted_user(user), access=GRANTS) == {
        "audience": "wheelyard.dev/packages/main",
        "mintingKeys": [],
        "issuers": [],
        "users": [{"name": "packages.jenkins", "groups": ["a", "b"], "tokenDigests": [tokens.digest(TOKEN)]}],
        "grants": [
            {"subjects": ["anonymous"], "packages": ["*"], "within": ["*"], "verbs": ["read"]},
            {
                "subjects": ["user:packages.jenkins"],
                "packages": ["acme-*"],
                "within": ["*"],
                "verbs": ["publish", "read"],
            },
        ],
        "externalGrants": [{"subjects": ["authenticated"], "packages": ["*"], "within": ["*"], "verbs": ["read"]}],
    }


def test_every_way_to_log_in_is_in_the_access_file() -> None:
    user = a_user(service_accounts=["agent"], trusted_publishers=[PUBLISHER])
    content = read(an_accepted_user(user, password=ChosenPassword("$argon2id$x", "$1$", "uid/1")), issuers=ISSUERS)
    (entry,) = content["users"]
    assert entry["passwords"] == [{"hash": "$argon2id$x", "over": "$1$"}]
    assert entry["identities"] == [
        {"issuer": CLUSTER_ISSUER, "claims": {"sub": "system:serviceaccount:packages:agent"}}
    ]
    assert entry["trustedPublishers"] == [{"issuer": GITHUB, "claims": {"repository": "acme/app"}}]
    assert content["mintingKeys"] == ["secret"]
    assert [(each["issuer"], each["keys"]) for each in content["issuers"]] == [
        (CLUSTER_ISSUER, [RSA_KEY]),
        (GITHUB, [RSA_KEY]),
    ]


def test_an_issuer_without_keys_is_trusted_with_nothing() -> None:
    user = a_user(service_accounts=["agent"], trusted_publishers=[PUBLISHER])
    (entry,) = read(an_accepted_user(user))["users"]
    assert set(entry) == {"name", "groups", "tokenDigests"}


def test_the_order_of_users_does_not_matter() -> None:
    one, two = (an_accepted_user(a_user(name, grants=[{"verbs": ["read"]}])) for name in ("one", "two"))
    assert access_file(an_index(), [one, two], NONE) == access_file(an_index(), [two, one], NONE)


def test_without_users_the_access_file_is_empty() -> None:
    content = read()
    assert content["users"] == content["grants"] == content["externalGrants"] == []


MANY = [an_accepted_user(a_user(f"user{number}", service_accounts=["a"])) for number in range(3)]


@pytest.mark.parametrize("accepted", MANY)
def test_it_is_seen_that_a_user_is_in_force(accepted: AcceptedUser) -> None:
    assert is_in_force(access_file(an_index(), MANY, ISSUERS), accepted, ISSUERS)


@pytest.mark.parametrize(
    "changed",
    [
        {"groups": ["new"]},
        {"grants": [{"verbs": ["read"]}]},
        {"service_accounts": ["a", "b"]},
        {"trusted_publishers": [PUBLISHER]},
    ],
)
def test_it_is_seen_that_a_user_is_not_yet_in_force(changed: dict[str, Any]) -> None:
    text = access_file(an_index(), MANY, ISSUERS)
    assert not is_in_force(
        text, an_accepted_user(a_user("user1", **{"service_accounts": ["a"], **changed})), ISSUERS
    )
    assert not is_in_force(
        text, an_accepted_user(a_user("user1", service_accounts=["a"]), next_token=TOKEN), ISSUERS
    )


def test_no_value_can_pretend_to_be_another_users_entry() -> None:
    """An entry is looked for in the text: no value of another one can hold it."""
    victim = an_accepted_user(a_user("victim"))
    entry = json.dumps(read(victim)["users"][0], separators=(",", ":"))
    claims = {"oidc": {"issuer": GITHUB, "claims": {"repository": entry}}}
    text = access_file(an_index(), [an_accepted_user(a_user("liar", trusted_publishers=[claims]))], ISSUERS)
    assert entry.replace('"', '\\"') in text
    assert not is_in_force(text, victim, NONE)


def test_the_access_file_shows_whose_keys_it_has() -> None:
    text = access_file(an_index(), [], ISSUERS)
    assert knows_issuer(text, GITHUB)
    assert not knows_issuer(text, GITHUB.removesuffix("com"))
    assert not knows_issuer("", GITHUB)


def test_an_access_file_survives_packing_into_a_secret() -> None:
    text = access_file(an_index(), MANY, ISSUERS)
    assert packed(text) == packed(text)
    assert unpacked({"data": {ACCESS_FILE: packed(text)}}) == text


@pytest.mark.parametrize("damaged", ["", "AAAA", "not base 64", "H4sIAAAAAAAC"])
def test_a_damaged_access_file_is_read_as_missing(damaged: str) -> None:
    assert unpacked({"data": {ACCESS_FILE: damaged}}) == ""
    assert unpacked({}) == ""


def test_no_more_is_unpacked_than_an_access_file_can_have() -> None:
    """A Secret of 1 MiB can hold a gigabyte of zeros, and the operator has 512 MiB."""
    assert unpacked({"data": {ACCESS_FILE: packed("0" * MAX_BYTES)}}) == "0" * MAX_BYTES
    assert unpacked({"data": {ACCESS_FILE: packed("0" * (MAX_BYTES + 1))}}) == ""
    secret = {"data": {ACCESS_FILE: packed("0" * (8 * MAX_BYTES))}}
    tracemalloc.start()
    try:
        assert unpacked(secret) == ""
        assert tracemalloc.get_traced_memory()[1] < 3 * MAX_BYTES
    finally:
        tracemalloc.stop()


def test_the_entries_of_users_are_those_of_the_file_whatever_claims_say() -> None:
    """Claims can neither pretend to be the entry of another user nor end one."""
    claims = {"name": "packages.two", "groups": "x", "trustedPublishers": "y", "sub": '},{"name":"packages.two"'}
    odd = a_user("odd", trusted_publishers=[{"oidc": {"issuer": GITHUB, "claims": claims}}, PUBLISHER])
    two = a_user("two", trusted_publishers=[PUBLISHER])
    last = a_user("zero", grants=[{"packages": ["acme-*"], "verbs": ["read"]}])
    found = entries(access_file(an_index(access=GRANTS), map(an_accepted_user, (odd, two, last)), ISSUERS))
    assert set(found) == {"packages.odd", "packages.two", "packages.zero"}
    assert all(has_publisher(found["packages.odd"], each) for each in odd.publishers)
    assert [has_publisher(found["packages.two"], each) for each in odd.publishers] == [False, True]
    assert not any(has_publisher(found["packages.zero"], each) for each in odd.publishers)
    assert not any(entries(access_file(an_index(), [], ISSUERS)).values())
