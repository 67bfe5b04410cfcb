"""The login by form, its cookie, and the logout."""

import re

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from support.access import OWNER, PUBLISHER, READER, token_of
from support.http import Client, auth
from support.memory_storage import MemoryStorage
from support.serving import LimitedServer
from support.sessions import FROM_HERE, session_of
from wheelyard_server import app
from wheelyard_server.settings import Settings
from wheelyard_server.settings.web import SESSIONS_FILE
from wheelyard_server.web.http.lifecycle import LIFECYCLE

HTTPS = {"X-Forwarded-Proto": "https"}


async def sent(client: Client, headers: dict[str, str], **fields: str) -> ClientResponse:
    answer = await client.post("/login/", data=fields, headers=FROM_HERE | headers, allow_redirects=False)
    client.session.cookie_jar.clear()
    return answer


@pytest.mark.parametrize("user", ["", "ci.publisher", " ci.publisher "])
async def test_a_token_begins_a_session_that_pages_show(client: Client, user: str) -> None:
    session = await session_of(client, PUBLISHER, user)
    assert "ci.publisher" in await (await client.get("/", headers=session)).text()
    assert "ci.publisher" not in await (await client.get("/")).text()


@pytest.mark.parametrize(
    ("headers", "name", "is_secure"),
    [
        ({}, "wheelyard", False),
        ({"Host": "localhost:1"}, "wheelyard", False),
        (HTTPS | {"Host": "pypi.example.com"}, "__Host-wheelyard", True),
    ],
)
async def test_the_cookie_is_for_this_host_and_unreadable(
    client: Client, headers: dict[str, str], name: str, *, is_secure: bool
) -> None:
    answer = await sent(client, headers, secret=PUBLISHER)
    (cookie,) = answer.cookies.values()
    assert (cookie.key, bool(cookie["secure"]), bool(cookie["httponly"])) == (name, is_secure, True)
    assert (cookie["samesite"], cookie["path"], cookie["domain"]) == ("Strict", "/", "")
    assert int(cookie["max-age"]) == 8 * 3600
    assert answer.headers["Cache-Control"] == "no-store"


async def test_plain_http_from_elsewhere_has_no_login(client: Client) -> None:
    host = {"Host": "pypi.example.com"}
    answer = await sent(client, host, secret=PUBLISHER)
    assert (answer.status, answer.cookies) == (400, {})
    assert "https" in await answer.text()
    assert "need HTTPS" in await (await client.get("/login/", headers=host)).text()
    # A cookie of another way is not read either.
    session = await session_of(client, PUBLISHER)
    assert "ci.publisher" not in await (await client.get("/", headers=session | host)).text()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"secret": token_of("someone")}, "no longer valid, or belongs to another index"),
        ({"user": "web.reader", "secret": PUBLISHER}, "The user name does not belong to the token"),
        ({"user": "<b>", "secret": "wrong"}, "Wrong user name or password"),
        ({}, "Not a valid token"),
        ({"secret": "eyJh.eyJh.abc"}, "The token is damaged"),
    ],
)
async def test_a_wrong_login_shows_the_form_again_and_no_challenge(
    client: Client, fields: dict[str, str], words: str
) -> None:
    answer = await sent(client, {}, **fields)
    text = await answer.text()
    assert answer.status == 403
    assert words in text
    assert "WWW-Authenticate" not in answer.headers
    assert not answer.cookies
    assert fields.get("secret", "no secret") not in text
    assert "<b>" not in text


@pytest.mark.parametrize(
    ("wanted", "place"),
    [
        ("/projects/?q=a", "../projects/?q=a"),
        ("//evil.example.com/", "../"),
        ("https://evil.example.com/", "../"),
        ("/login/", "../"),
        ("", "../"),
    ],
)
async def test_it_leads_back_and_to_no_other_site(client: Client, wanted: str, place: str) -> None:
    answer = await sent(client, {}, secret=PUBLISHER, next=wanted)
    assert (answer.status, answer.headers["Location"]) == (303, place)


async def test_only_a_page_of_this_index_may_send_the_form(client: Client) -> None:
    for headers in (
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://a.b"},
    ):
        answer = await client.post("/login/", data={"secret": PUBLISHER}, headers=headers)
        assert (answer.status, answer.cookies) == (403, {})
    answer = await client.post("/login/", json={}, headers=FROM_HERE)
    assert answer.status == 400
    own = {"Origin": f"http://127.0.0.1:{client.port}"}
    assert (
        await client.post("/login/", data={"secret": PUBLISHER}, headers=own, allow_redirects=False)
    ).status == 303


async def test_a_logout_needs_the_form_of_the_session(client: Client) -> None:
    session = await session_of(client, OWNER)
    page = await (await client.get("/", headers=session)).text()
    (token,) = re.findall('name="form-token" value="([0-9a-f]+)"', page)
    for fields, headers in (
        ({}, session),
        ({"form-token": token}, {}),
        ({"form-token": token}, await session_of(client, READER)),
        ({"form-token": "x"}, session),
    ):
        answer = await client.post("/logout/", data=fields, headers=FROM_HERE | headers, allow_redirects=False)
        assert answer.status == 403
    answer = await client.post("/logout/", data={"form-token": token}, headers=session, allow_redirects=False)
    assert answer.status == 403
    answer = await client.post(
        "/logout/", data={"form-token": token}, headers=FROM_HERE | session, allow_redirects=False
    )
    assert answer.status == 303
    assert answer.cookies["wheelyard"]["max-age"] == "0"


async def test_no_header_of_http_logs_in_to_a_page(client: Client) -> None:
    for login in (auth(OWNER), {"Authorization": "Basic !"}):
        answer = await client.get("/", headers=login)
        assert answer.status == 200
        assert "team.owner" not in await answer.text()


async def test_without_keys_there_is_no_login_and_pages_say_so(settings: Settings, storage: MemoryStorage) -> None:
    settings.access_file.with_name(SESSIONS_FILE).unlink()
    application = app.build(settings, storage)
    application[LIFECYCLE].started = True
    async with TestClient(LimitedServer(application, settings.limits)) as client:
        assert "no keys of sessions" in await (await client.get("/login/")).text()
        answer = await sent(client, {}, secret=PUBLISHER)
        assert (answer.status, answer.cookies) == (400, {})
