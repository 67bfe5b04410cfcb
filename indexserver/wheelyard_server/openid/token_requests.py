"""Exchanges a code for an ID token: one POST, bounded in bytes and time (RFC 6749, section 4.1.3)."""

import asyncio
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote_plus, urlencode

import aiohttp
import msgspec

from wheelyard_server.errors import BusyError, ProviderError, SignOnError, WheelyardError
from wheelyard_server.openid import Client, CodeGrant
from wheelyard_server.openid.provider_words import provider_words
from wheelyard_server.settings.upstreams import Egress
from wheelyard_server.upstream import urls
from wheelyard_server.upstream.addresses import AddressKind, kind_of
from wheelyard_server.upstream.bodies import (
    ACCEPT_ENCODING,
    TooLargeError,
    UnreadableCodingError,
    decoded,
    discard,
    received,
)
from wheelyard_server.upstream.failures import NETWORK_ERRORS, ForbiddenTargetError, HiccupError, in_words
from wheelyard_server.upstream.posts import Posts, Receiver

SECONDS = 10
"""Timeout for the whole request. A person waits for it."""
MAX_ANSWER_BYTES = 128 * 1024
"""The longest ID token of `signed_tokens`, and as long an access token and refresh token."""
MAX_RUNNING = 16
"""Requests at the same time. Anyone can begin a login, so anyone can cause them."""
MAX_RUNNING_PER_ADDRESS = 4
LISTED_IN = "the operator's chart (`oidc.allowedIssuers`)"
_REFUSALS = range(400, 500)


class _Answer(msgspec.Struct):
    id_token: str = ""


class _Refusal(msgspec.Struct):
    error: str = ""
    error_description: str = ""


class TokenRequests:
    """See `TokenEndpoint`.

    Each request has a connection of its own. A code counts once, so no request is sent twice, as
    one over a connection that the provider has just closed would have to be.
    """

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._running: Counter[str] = Counter()

    async def id_token(self, client: Client, grant: CodeGrant, address: str) -> str:
        """See `TokenEndpoint.id_token`."""
        with self._slot(address):
            try:
                async with asyncio.timeout(SECONDS), Posts(_receiver(client), self._egress) as posts:
                    return await _asked(posts, client, grant)
            except TimeoutError:
                raise ProviderError("does not answer in time") from None

    @contextmanager
    def _slot(self, address: str) -> Iterator[None]:
        if self._running.total() >= MAX_RUNNING or self._running[address] >= MAX_RUNNING_PER_ADDRESS:
            raise BusyError("Too many people log in at this moment: go back, and log in again")
        self._running[address] += 1
        try:
            yield
        finally:
            self._running[address] -= 1
            self._running += Counter()  # It keeps no address without requests.


def _receiver(client: Client) -> Receiver:
    try:
        url = urls.parse(client.token_endpoint)
    except ValueError:
        raise ProviderError("has a `tokenEndpoint` that is not a usable URL") from None
    origin = urls.origin(url)
    # The operator trusts the provider by its name, and the endpoint by the provider's word. That is
    # no word for the address of a cloud's metadata.
    is_local = kind_of(origin.host) is AddressKind.LINK_LOCAL
    return Receiver(
        url, () if is_local else (f"{_bracketed(origin.host)}:{origin.port}",), LISTED_IN, client.authorities
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


async def _asked(posts: Posts, client: Client, grant: CodeGrant) -> str:
    try:
        answer = await posts.send(_form(grant), _headers(client), is_again=False)
        try:
            return await _read(answer)
        finally:
            answer.close()
    except ForbiddenTargetError as error:
        raise ProviderError(str(error)) from error
    except (TooLargeError, UnreadableCodingError):
        raise ProviderError("answers with something that is too large, or cannot be read") from None
    except HiccupError as error:
        raise ProviderError(str(error)) from None
    except NETWORK_ERRORS as error:
        # Not chained: the text of the client's errors has the whole URL.
        raise ProviderError(in_words(error, posts.origin)) from None


def _form(grant: CodeGrant) -> bytes:
    form = {
        "grant_type": "authorization_code",
        "code": grant.code,
        "redirect_uri": grant.redirect_uri,
        "code_verifier": grant.verifier,
    }
    return urlencode(form).encode()


def _headers(client: Client) -> dict[str, str]:
    """Return the headers; the client logs in by Basic, form-encoded first (RFC 6749, section 2.3.1)."""
    login = f"{quote_plus(client.id)}:{quote_plus(client.secret)}"
    return {
        "Authorization": f"Basic {b64encode(login.encode()).decode()}",
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept": "application/json",
        "Accept-Encoding": ACCEPT_ENCODING,
    }


async def _read(answer: aiohttp.ClientResponse) -> str:
    status = answer.status
    if status != 200 and status not in _REFUSALS:
        await discard(answer)
        raise ProviderError(f"answers {status}" + (": redirects are not followed" if 300 <= status < 400 else ""))
    body = await received(answer, MAX_ANSWER_BYTES)
    plain = await asyncio.to_thread(decoded, body, answer.headers.get("Content-Encoding", ""), MAX_ANSWER_BYTES)
    if status != 200:
        raise _refused(status, plain)
    return _id_token(plain)


def _id_token(body: bytes) -> str:
    try:
        token = msgspec.json.decode(body, type=_Answer).id_token
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise ProviderError("answers with something that is not the JSON of a token") from None
    if not token:
        raise ProviderError("gives no ID token: its client and `scopes` need the scope openid")
    return token


def _refused(status: int, body: bytes) -> WheelyardError:
    try:
        refusal = msgspec.json.decode(body, type=_Refusal)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        refusal = _Refusal()
    words = provider_words(refusal.error, refusal.error_description) or f"answer {status}"
    if refusal.error in {"invalid_client", "unauthorized_client"} or status == 401:
        return ProviderError(
            f"does not accept this index as its client ({words}): have `spec.web.oidc` and its client secret "
            "compared with the client at the provider"
        )
    return SignOnError(f"The provider does not accept this login ({words}). Log in again")
