"""The flow of single sign-on: what goes to the provider, and which answers count."""

from urllib.parse import parse_qs, urlsplit

import pytest

from support.sign_on import CLIENT, ISSUER, NOW, Endpoint, provider
from wheelyard_server.access.open_id_provider import OpenIdProvider
from wheelyard_server.access.pending_logins import PendingLogin
from wheelyard_server.access.single_sign_on import MAX_CODE_LENGTH, Basis, SignedOn, SingleSignOn
from wheelyard_server.errors import ForbiddenError, LoginNeededError, NotFoundError, SignOnError
from wheelyard_server.openid import CodeGrant

KEYS = ("A" * 43,)
CALLBACK = "https://pypi.example.com/login/oidc/callback/"


class Flow:
    """One login, from its beginning to its end."""

    def __init__(self) -> None:
        self.provider: OpenIdProvider | None = provider()
        self.endpoint = Endpoint()
        self.sign_on = SingleSignOn(lambda: Basis(self.provider, KEYS), self.endpoint, lambda: NOW)
        self.login: PendingLogin | None = None

    def begin(self, *, is_silent: bool = False) -> dict[str, str]:
        """Begin a login; return the query that the provider gets."""
        begun = self.sign_on.begin(CALLBACK, "/project/a/", is_silent=is_silent)
        self.login = self.sign_on.pending(begun.cookie)
        assert self.login.state == begun.state
        self.endpoint.nonce = self.login.nonce
        return {name: value for name, (value,) in parse_qs(urlsplit(begun.url).query).items()}

    async def finish(self, **answer: str) -> SignedOn:
        """Bring the answer of the provider, with these changes."""
        assert self.login is not None
        query = {"state": self.login.state, "code": "code", **answer}
        return await self.sign_on.finish(self.login, query, "192.0.2.1")


@pytest.fixture
def flow() -> Flow:
    return Flow()


def test_the_browser_is_sent_to_the_provider_with_state_nonce_and_challenge(flow: Flow) -> None:
    query = flow.begin()
    assert flow.login is not None
    assert query == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": CALLBACK,
        "scope": "openid groups",
        "state": flow.login.state,
        "nonce": flow.login.nonce,
        "code_challenge": flow.login.challenge,
        "code_challenge_method": "S256",
    }


def test_a_silent_login_asks_the_provider_to_show_nothing(flow: Flow) -> None:
    assert flow.begin(is_silent=True)["prompt"] == "none"


def test_the_query_of_an_endpoint_is_kept_and_openid_is_always_asked_for(flow: Flow) -> None:
    flow.provider = provider(authorization_endpoint=f"{ISSUER}/auth?tenant=a%2Fb", scopes=("profile",))
    query = flow.begin()
    assert (query["tenant"], query["scope"], query["client_id"]) == ("a/b", "openid profile", CLIENT)


@pytest.mark.parametrize("cookie", ["", "eyJ.eyJ.abc"])
def test_an_answer_without_a_login_is_refused(flow: Flow, cookie: str) -> None:
    with pytest.raises(SignOnError, match="no login that this browser has begun"):
        flow.sign_on.pending(cookie)


def test_the_provider_in_force_has_a_name(flow: Flow) -> None:
    assert flow.sign_on.issuer == ISSUER
    flow.provider = None
    assert flow.sign_on.issuer == ""


async def test_a_person_logs_in(flow: Flow) -> None:
    flow.endpoint.claims = {"groups": ["team-a", "team-b"]}
    flow.begin()
    assert flow.login is not None
    signed_on = await flow.finish(iss=ISSUER)
    assert (signed_on.person.subject, signed_on.known_groups) == ("alice", ("team-a",))
    ((client, grant, address),) = flow.endpoint.asked
    assert (client.id, client.token_endpoint, address) == (CLIENT, f"{ISSUER}/token", "192.0.2.1")
    assert grant == CodeGrant("code", CALLBACK, flow.login.verifier)


@pytest.mark.parametrize(
    "answer",
    [
        {"state": ""},
        {"state": "a" * 43},
        {"state": "é"},
        {"iss": "https://other.example.com"},
        {"iss": ""},
        {"iss": f"{ISSUER}/"},
        {"code": ""},
        {"code": "c" * (MAX_CODE_LENGTH + 1)},
        {"error": "access_denied"},
        {"error": "login_required"},
    ],
)
async def test_another_answer_costs_the_provider_no_request(flow: Flow, answer: dict[str, str]) -> None:
    flow.begin()
    with pytest.raises(SignOnError, match="Log in again"):
        await flow.finish(**answer)
    assert flow.endpoint.asked == []


async def test_a_token_of_another_login_is_refused(flow: Flow) -> None:
    flow.begin()
    flow.endpoint.nonce = "m" * 43
    with pytest.raises(SignOnError, match="nonce"):
        await flow.finish()


async def test_a_login_that_began_at_the_provider_before_does_not_end_at_this_one(flow: Flow) -> None:
    flow.begin()
    flow.provider = provider(issuer="https://new.example.com")
    with pytest.raises(SignOnError, match="Another provider"):
        await flow.finish()
    assert flow.endpoint.asked == []


@pytest.mark.parametrize(
    "error", ["login_required", "interaction_required", "consent_required", "account_selection_required"]
)
async def test_a_session_that_cannot_be_renewed_silently_needs_a_login(flow: Flow, error: str) -> None:
    flow.begin(is_silent=True)
    with pytest.raises(LoginNeededError):
        await flow.finish(error=error, code="")


async def test_the_words_of_the_provider_are_one_bounded_line(flow: Flow) -> None:
    flow.begin(is_silent=True)
    with pytest.raises(SignOnError) as raised:
        await flow.finish(error="server_error", error_description="a\n\u202eb" + "c" * 10_000)
    assert "(server_error: a bccc" in str(raised.value)
    assert len(str(raised.value)) < 500


async def test_a_person_without_a_mapped_group_is_refused(flow: Flow) -> None:
    flow.begin()
    flow.endpoint.claims = {"groups": ["platform", "user:alice", "group:platform"]}
    with pytest.raises(ForbiddenError) as raised:
        await flow.finish()
    message = str(raised.value)
    assert (
        "as alice, but none of your groups counts here. It names platform, user:alice, group:platform." in message
    )
    assert "`spec.web.oidc.groups`" in message


async def test_the_refusal_of_a_person_in_many_groups_names_some(flow: Flow) -> None:
    flow.begin()
    flow.endpoint.claims = {"groups": [f"g{each}" for each in range(30)]}
    with pytest.raises(ForbiddenError, match=r"g0, .*, g9 and 20 more\."):
        await flow.finish()


async def test_a_person_of_whom_the_provider_names_no_group_hears_which_claim_is_missing(flow: Flow) -> None:
    flow.begin()
    flow.endpoint.claims = {"groups": None}
    with pytest.raises(ForbiddenError, match="It names none in `groups`"):
        await flow.finish()


async def test_without_a_provider_there_is_no_login(flow: Flow) -> None:
    flow.begin()
    flow.provider = None
    with pytest.raises(NotFoundError, match="no single sign-on"):
        flow.begin()
    with pytest.raises(NotFoundError, match="no single sign-on"):
        await flow.finish()
