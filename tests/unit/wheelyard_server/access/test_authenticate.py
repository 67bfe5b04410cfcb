import base64
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from support.access import token_of
from support.issuers import AUDIENCE, TestIssuer
from wheelyard_server.access import tokens
from wheelyard_server.access.accepted_users import AcceptedUsers
from wheelyard_server.access.access_file import AccessFile, Password, TokenIdentity, User
from wheelyard_server.access.authenticate import PresentedCredentials, authenticate
from wheelyard_server.access.password_hashes import NOBODYS
from wheelyard_server.access.passwords import PasswordChecker
from wheelyard_server.access.rules import ANONYMOUS, Grant, Method, Principal, Verb
from wheelyard_server.access.signed_tokens import SignedClaims
from wheelyard_server.errors import UnauthenticatedError

TOKEN = token_of("jenkins")
OTHER = token_of("other")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CLUSTER = TestIssuer("https://kubernetes.default.svc")
CI = TestIssuer("https://ci.example", number=1)
PASSWORD = "correct horse"
FOREIGN = "d\u00fcnn \u00a3\u00e9"


def account(name: str) -> TokenIdentity:
    return TokenIdentity(issuer=CLUSTER.url, claims={"sub": f"system:serviceaccount:ci:{name}"})


RELEASE = TokenIdentity(issuer=CI.url, claims={"repository": "acme/app"})
JOB = SignedClaims(CI.url, {"repository": "acme/app"})
JENKINS = User(
    name="ci.jenkins",
    groups=("publishers",),
    token_digests=(tokens.digest(TOKEN),),
    passwords=(NOBODYS,),
    identities=(account("agent"), account("shared")),
    trusted_publishers=(RELEASE,),
)
READER = User(name="web.reader", token_digests=(tokens.digest(OTHER),), identities=(account("shared"),))
FILE = AccessFile(
    users=(JENKINS, READER), audience=AUDIENCE, minting_keys=("k" * 43,), issuers=(CLUSTER.public, CI.public)
)
LOGINS = AcceptedUsers(FILE)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Checker(PasswordChecker):
    """Knows one password, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(lambda: 0)
        self.asked: list[tuple[str, str]] = []

    async def check(self, user: str, readings: Sequence[str], stored: Iterable[Password], address: str) -> bool:
        self.asked.append((user, address))
        return bool(tuple(stored)) and not {PASSWORD, FOREIGN}.isdisjoint(readings)


async def ask(header: str | None, accepted_users: AcceptedUsers = LOGINS, at: datetime = NOW) -> Principal:
    return await authenticate(PresentedCredentials(header, "192.0.2.1", at), accepted_users, Checker())


AGENT = CLUSTER.sign(NOW, sub="system:serviceaccount:ci:agent")
SHARED = CLUSTER.sign(NOW, sub="system:serviceaccount:ci:shared")
MINTED = LOGINS.mint.mint(JENKINS, RELEASE, JOB, NOW).token


@pytest.mark.parametrize(
    ("secret", "method"),
    [(TOKEN, Method.TOKEN), (AGENT, Method.SERVICE_ACCOUNT), (MINTED, Method.TRUSTED_PUBLISHER)],
    ids=lambda value: value if isinstance(value, Method) else "",
)
async def test_every_way_in_leads_to_the_same_principal(secret: str, method: Method) -> None:
    for header in (
        basic("ci.jenkins", secret),
        basic("__token__", secret),
        f"Bearer {secret}",
        f"bearer  {secret} ",
    ):
        principal = await ask(header)
        assert (principal.name, principal.method) == ("ci.jenkins", method)
        assert principal.subjects == {"anonymous", "authenticated", "user:ci.jenkins", "group:publishers"}


async def test_a_password() -> None:
    principal = await ask(basic("ci.jenkins", PASSWORD))
    assert (principal.name, principal.method) == ("ci.jenkins", Method.PASSWORD)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
async def test_a_password_in_the_encoding_of_any_client(encoding: str) -> None:
    header = "Basic " + base64.b64encode(f"ci.jenkins:{FOREIGN}".encode(encoding)).decode()
    assert (await ask(header)).name == "ci.jenkins"


async def test_no_header_is_anonymous() -> None:
    assert await ask(None) == ANONYMOUS


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ???",
        "Basic \udc94",
        "Basic \u00e4",
        "Basic " + base64.b64encode(b"\xff\xfe").decode(),
        basic("ci.jenkins", ""),
        basic("ci.jenkins", "secret"),
        basic("ci.jenkins", token_of("unknown")),
        basic("ci.jenkins", OTHER),
        basic("", TOKEN),
        basic("web.reader", PASSWORD),
        basic("web.nobody", PASSWORD),
        basic("__token__", PASSWORD),
        f"Bearer {PASSWORD}",
        f"Bearer {token_of('unknown')}",
        f"Digest {TOKEN}",
    ],
)
async def test_credentials_that_are_not_valid_are_refused(header: str) -> None:
    with pytest.raises(UnauthenticatedError):
        await ask(header)


@pytest.mark.parametrize("name", ["web.reader", "", "somebody"])
@pytest.mark.parametrize("secret", [AGENT, MINTED], ids=["agent", "minted"])
async def test_a_signed_token_is_good_for_its_own_user_only(name: str, secret: str) -> None:
    with pytest.raises(UnauthenticatedError):
        await ask(basic(name, secret))


async def test_an_identity_of_two_users_is_the_first_unless_it_gives_a_name() -> None:
    for header in (f"Bearer {SHARED}", basic("__token__", SHARED)):
        assert (await ask(header)).name == "ci.jenkins"
    for name in ("ci.jenkins", "web.reader"):
        assert (await ask(basic(name, SHARED))).name == name


@pytest.mark.parametrize(
    ("grant", "first"),
    [
        ({"subjects": ("user:web.reader",), "verbs": (Verb.READ,)}, "web.reader"),
        ({"subjects": ("user:web.reader", "group:publishers"), "verbs": (Verb.READ,)}, "ci.jenkins"),
        ({"subjects": ("authenticated", "anonymous"), "verbs": (Verb.READ,)}, "ci.jenkins"),
        ({"subjects": ("authenticated",), "verbs": (Verb.PUBLISH,)}, "ci.jenkins"),
    ],
)
async def test_a_user_without_rights_never_takes_the_place_of_one_with_rights(
    grant: dict[str, Any], first: str
) -> None:
    """For a ServiceAccount as for a CI job."""
    trusting = [msgspec.structs.replace(user, trusted_publishers=(RELEASE,)) for user in (JENKINS, READER)]
    accepted_users = AcceptedUsers(msgspec.structs.replace(FILE, users=tuple(trusting), grants=(Grant(**grant),)))
    assert (await ask(f"Bearer {SHARED}", accepted_users)).name == first
    assert accepted_users.mint.user_for(JOB)[0].name == first


async def test_a_service_account_without_a_user_is_refused() -> None:
    stranger = CLUSTER.sign(NOW, sub="system:serviceaccount:evil:agent")
    with pytest.raises(
        UnauthenticatedError, match="has system:serviceaccount:evil:agent among its serviceAccounts"
    ):
        await ask(f"Bearer {stranger}")


async def test_an_issuer_cannot_speak_for_another() -> None:
    forged = CI.sign(NOW, sub="system:serviceaccount:ci:agent")
    with pytest.raises(UnauthenticatedError):
        await ask(f"Bearer {forged}")


async def test_the_token_of_a_ci_job_is_good_for_nothing_but_being_changed() -> None:
    with pytest.raises(UnauthenticatedError):
        await ask(f"Bearer {CI.sign(NOW, repository='acme/app', sub='repo:acme/app')}")


async def test_a_minted_token_ends_with_its_time_its_trust_and_its_user() -> None:
    with pytest.raises(UnauthenticatedError, match="expired"):
        await ask(f"Bearer {MINTED}", at=NOW + timedelta(minutes=15))
    for users in ((READER,), (User(name="ci.jenkins"), READER)):
        changed = AcceptedUsers(AccessFile(users=users, audience=AUDIENCE, minting_keys=FILE.minting_keys))
        with pytest.raises(UnauthenticatedError):
            await ask(f"Bearer {MINTED}", changed)


@pytest.mark.parametrize(
    "other",
    [
        AccessFile(users=FILE.users, audience=AUDIENCE, minting_keys=("x" * 43,)),
        AccessFile(users=FILE.users, audience="wheelyard.dev/packages/other", minting_keys=FILE.minting_keys),
        AccessFile(users=FILE.users, audience=AUDIENCE),
    ],
    ids=["another key", "another index", "no mint"],
)
async def test_a_minted_token_is_for_its_index(other: AccessFile) -> None:
    with pytest.raises(UnauthenticatedError):
        await ask(f"Bearer {MINTED}", AcceptedUsers(other))


async def test_after_a_change_of_keys_the_old_ones_still_verify() -> None:
    both = AccessFile(users=FILE.users, audience=AUDIENCE, minting_keys=("x" * 43, *FILE.minting_keys))
    assert (await ask(f"Bearer {MINTED}", AcceptedUsers(both))).name == "ci.jenkins"


async def test_passwords_are_asked_for_with_the_name_and_the_address() -> None:
    checker = Checker()
    with pytest.raises(UnauthenticatedError):
        await authenticate(PresentedCredentials(basic("nobody", "x"), "192.0.2.1", NOW), LOGINS, checker)
    for secret in (TOKEN, AGENT, MINTED):
        await authenticate(PresentedCredentials(basic("ci.jenkins", secret), "192.0.2.1", NOW), LOGINS, checker)
    assert checker.asked == [("nobody", "192.0.2.1")], "tokens never wait for passwords"
