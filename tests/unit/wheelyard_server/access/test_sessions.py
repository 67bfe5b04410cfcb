"""Sessions of people: what begins one, and everything that ends it."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import msgspec
import pytest

from support.access import ACCESS, OWNER, PUBLISHER, READER
from support.sessions import KEY
from wheelyard_server.access import password_hashes, tokens
from wheelyard_server.access.accepted_users import AcceptedUsers
from wheelyard_server.access.access_file import AccessFile, Password, User
from wheelyard_server.access.id_tokens import Person
from wheelyard_server.access.open_id_provider import MappedGroup, OpenIdProvider
from wheelyard_server.access.rules import Method, Principal
from wheelyard_server.access.session_file import Moment, SessionFile
from wheelyard_server.access.sessions import LIFETIME, MAX_COOKIE_LENGTH, SIGN_ON_LIFETIME, Sessions, _derived
from wheelyard_server.access.single_sign_on import SignedOn

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
USERS = AcceptedUsers(ACCESS)
OTHER_KEY = base64.urlsafe_b64encode(b"o" * 32).decode()
ISSUER = "https://dex.example.com"
PROVIDER = OpenIdProvider(
    issuer=ISSUER,
    client_id="wheelyard",
    client_secret="s",
    authorization_endpoint=f"{ISSUER}/auth",
    token_endpoint=f"{ISSUER}/token",
    groups=(MappedGroup(provider="platform", group="owners"), MappedGroup(provider="web", group="readers")),
)


class Index:
    """An index whose sessions file and clock a test changes."""

    def __init__(self, index: str = "team/index", **file: Any) -> None:
        self.file = SessionFile(**{"keys": (KEY,), **file})
        self.now = NOW
        self.sessions = Sessions(lambda: self.file, index, lambda: self.now)

    def begun(self, token: str = PUBLISHER, name: str = "ci.publisher") -> str:
        return self.sessions.of_user(Principal.of_user(name, (), Method.TOKEN), token, USERS)

    def signed_on(self, *groups: str) -> str:
        return self.sessions.of_person(SignedOn(Person(ISSUER, "ann", groups), groups))


def test_a_session_is_that_of_its_user_with_the_groups_of_now() -> None:
    index = Index()
    principal = index.sessions.principal(index.begun(OWNER, "team.owner"), USERS)
    assert principal == Principal.of_user("team.owner", ("owners",), Method.SESSION)
    changed = [msgspec.structs.replace(each, groups=("guests",)) for each in ACCESS.users]
    later = AcceptedUsers(msgspec.structs.replace(ACCESS, users=tuple(changed)))
    again = index.sessions.principal(index.begun(OWNER, "team.owner"), later)
    assert again is not None
    assert again.groups == ("guests",)


def test_it_ends_after_a_working_day() -> None:
    index = Index()
    cookie = index.begun()
    index.now = NOW + LIFETIME - timedelta(seconds=1)
    assert index.sessions.principal(cookie, USERS) is not None
    index.now = NOW + LIFETIME
    assert index.sessions.principal(cookie, USERS) is None
    assert not index.sessions.is_renewable(cookie)


def test_it_ends_with_its_user_and_with_its_token() -> None:
    index = Index()
    cookie = index.begun()
    for users in (
        tuple(each for each in ACCESS.users if each.name != "ci.publisher"),
        (User(name="ci.publisher", token_digests=(tokens.digest(READER),)),),
        (User(name="ci.publisher"),),
    ):
        assert index.sessions.principal(cookie, AcceptedUsers(AccessFile(users=users))) is None
    both = User(name="ci.publisher", token_digests=(tokens.digest(READER), tokens.digest(PUBLISHER)))
    assert index.sessions.principal(cookie, AcceptedUsers(AccessFile(users=(both,)))) is not None


def test_it_ends_with_any_change_of_a_password() -> None:
    index = Index()
    old, new = (Password(hash=password_hashes.NOBODYS.hash + end) for end in ("a", "b"))

    def users(*passwords: Password) -> AcceptedUsers:
        return AcceptedUsers(AccessFile(users=(User(name="ann", passwords=passwords),)))

    principal = Principal.of_user("ann", (), Method.PASSWORD)
    for passwords in ((old,), (new, old)):
        cookie = index.sessions.of_user(principal, "x", users(*passwords))
        assert index.sessions.principal(cookie, users(*reversed(passwords))) is not None
        assert index.sessions.principal(cookie, users(new)) is None


def test_no_session_that_began_before_the_moment_counts() -> None:
    index = Index()
    cookie = index.begun()
    index.file = SessionFile(keys=(KEY,), not_before=Moment.parse("2026-11-30T12:00:01Z"))
    assert index.sessions.principal(cookie, USERS) is None
    assert not index.sessions.is_renewable(cookie)
    index.now = NOW + timedelta(seconds=1)
    assert index.sessions.principal(index.begun(), USERS) is not None


def test_keys_are_replaced_one_after_the_other() -> None:
    index = Index()
    cookie = index.begun()
    index.file = SessionFile(keys=(OTHER_KEY, KEY))
    assert index.sessions.principal(cookie, USERS) is not None
    assert index.sessions.is_form_token(index.sessions.form_token(cookie, "/a/"), cookie, "/a/")
    index.file = SessionFile(keys=(OTHER_KEY,))
    assert index.sessions.principal(cookie, USERS) is None


def test_another_index_with_the_same_key_takes_none() -> None:
    assert Index("team/other").sessions.principal(Index().begun(), USERS) is None


@pytest.mark.parametrize(
    ("key", "header", "algorithm"),
    [
        (_derived(KEY, b"session"), {"typ": "wheelyard+jwt"}, "HS256"),
        (_derived(KEY, b"session"), {}, "HS256"),
        (_derived(KEY, b"form"), {"typ": "wheelyard-session+jwt"}, "HS256"),
        (base64.urlsafe_b64decode(KEY), {"typ": "wheelyard-session+jwt"}, "HS256"),
        ("", {"typ": "wheelyard-session+jwt"}, "none"),
    ],
)
def test_what_else_is_signed_is_no_session(key: bytes, header: dict[str, str], algorithm: str) -> None:
    index = Index()
    claims = jwt.decode(index.begun(), options={"verify_signature": False})
    assert index.sessions.principal(jwt.encode(claims, key, algorithm, header), USERS) is None


@pytest.mark.parametrize("cookie", ["", "a", "a.b.c", "e30.e30.e30", "\x00", "ä" * 50, "a" * MAX_COOKIE_LENGTH * 2])
def test_nonsense_is_no_session(cookie: str) -> None:
    index = Index()
    assert index.sessions.principal(cookie, USERS) is None
    assert not index.sessions.is_renewable(cookie)
    assert not index.sessions.is_form_token("ä", cookie, "/")


def test_a_person_has_the_groups_that_are_mapped_now_and_nothing_else() -> None:
    index = Index(oidc=PROVIDER)
    cookie = index.signed_on("platform")
    principal = index.sessions.principal(cookie, USERS)
    assert principal is not None
    assert principal.subjects == {"anonymous", "authenticated", "group:owners"}
    assert (principal.name, principal.method) == (f"oidc:{ISSUER}#ann", Method.SINGLE_SIGN_ON)
    moved = msgspec.structs.replace(PROVIDER, groups=(MappedGroup(provider="platform", group="guests"),))
    index.file = SessionFile(keys=(KEY,), oidc=moved)
    again = index.sessions.principal(cookie, USERS)
    assert again is not None
    assert again.groups == ("guests",)
    for oidc in (None, msgspec.structs.replace(PROVIDER, groups=()), msgspec.structs.replace(PROVIDER, issuer="x")):
        index.file = SessionFile(keys=(KEY,), oidc=oidc)
        assert index.sessions.principal(cookie, USERS) is None


def test_a_person_s_session_is_renewed_after_an_hour() -> None:
    index = Index(oidc=PROVIDER)
    cookie = index.signed_on("web")
    index.now = NOW + SIGN_ON_LIFETIME
    assert index.sessions.principal(cookie, USERS) is None
    assert index.sessions.is_renewable(cookie)
    index.file = SessionFile(
        keys=(KEY,), oidc=msgspec.structs.replace(PROVIDER, issuer="https://other.example.com")
    )
    assert not index.sessions.is_renewable(cookie)


def test_the_proof_of_a_form_is_for_its_session_and_its_path() -> None:
    index = Index()
    first, second = index.begun(), index.begun()
    proof = index.sessions.form_token(first, "/a/")
    assert index.sessions.is_form_token(proof, first, "/a/")
    for token, cookie, path in (
        (proof, second, "/a/"),
        (proof, first, "/b/"),
        ("", first, "/a/"),
        (proof, "", "/a/"),
    ):
        assert not index.sessions.is_form_token(token, cookie, path)
    assert not Index(keys=()).sessions.is_form_token("", "", "/a/")
