"""Single sign-on with Dex, a real provider: the real server, over real HTTP, as a person goes through it."""

import asyncio
import hashlib
import json
import re
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import aiohttp
import msgspec
import pytest
from yarl import URL

from cluster import dex
from cluster.dex import Dex
from cluster.versitygw import free_port
from support import distributions
from support import server as real_server
from support.access import ACCESS, OWNER
from support.chromium import chromium
from support.http import auth, form
from support.patience import HANG_SECONDS
from support.server import Server
from support.sessions import KEY, write_sessions
from wheelyard_server.access.id_tokens import Person
from wheelyard_server.access.rules import Grant, Verb
from wheelyard_server.access.session_file import SessionFile
from wheelyard_server.access.sessions import SIGN_ON_LIFETIME, Sessions
from wheelyard_server.access.single_sign_on import SignedOn

PEOPLE = {"alice": ("team-a", "everyone"), "mallory": ("everyone", "platform", "owners")}
RIGHTS = msgspec.structs.replace(
    ACCESS,
    grants=(
        *ACCESS.grants,
        Grant(subjects=("group:platform",), packages=("team-*",), verbs=(Verb.READ,)),
        Grant(subjects=("group:owners",), packages=("team-*",), verbs=tuple(Verb)),
    ),
)


@dataclass
class World:
    """An index, its provider, and the file that joins them."""

    server: Server
    running: Dex
    provider: dict[str, Any]

    @property
    def url(self) -> str:
        """Return the URL of the index, at another site than the provider: browsers tell host names apart."""
        return self.server.url.replace("127.0.0.1", "localhost")

    def write(self, way: str = dex.FORM, **more: object) -> None:
        """Let people log in by a form, or by a header; the server follows the file."""
        endpoint = f"{self.provider['authorizationEndpoint']}/{way}"
        oidc = {**self.provider, "authorizationEndpoint": endpoint}
        write_sessions(self.server.access_file.parent, KEY, oidc=oidc, **more)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home, port = tmp_path_factory.mktemp("index"), free_port()
    callback = f"http://localhost:{port}/login/oidc/callback/"
    listeners = {
        "cluster": {"host": "127.0.0.1", "port": port},
        "external": {"host": "127.0.0.1", "port": free_port()},
        "metrics": {"host": "127.0.0.1", "port": free_port()},
    }
    with dex.running(tmp_path_factory.mktemp("dex"), callback, PEOPLE) as provider:
        storage = {"folder": {"path": str(home / "data")}}
        server = real_server.start(home / "server", storage, access=RIGHTS, more={"listeners": listeners})
        world = World(server, provider, described(provider))
        yield world
        assert server.stop() == 0, server.log.read_text()


def described(provider: Dex) -> dict[str, Any]:
    """Return the section of the sessions file, as the operator makes it of the discovery document."""
    document = read(f"{provider.issuer}/.well-known/openid-configuration")
    return {
        "issuer": document["issuer"],
        "clientId": dex.CLIENT,
        "clientSecret": dex.CLIENT_SECRET,
        "authorizationEndpoint": document["authorization_endpoint"],
        "tokenEndpoint": document["token_endpoint"],
        "keys": read(document["jwks_uri"])["keys"],
        "groups": [{"provider": "team-a", "group": "platform"}],
    }


def read(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=HANG_SECONDS) as answer:
        return json.load(answer)


class Browser:
    """Follows redirects, and pages that go on by themselves; it fills in the provider's form."""

    def __init__(self, world: World, session: aiohttp.ClientSession) -> None:
        self.world, self.session = world, session
        self.headers: dict[str, str] = {}
        self.visited: list[str] = []

    async def open(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        """Return the status and the text of the page where this ends."""
        url = urljoin(self.world.url, path)
        for _ in range(20):
            self.visited.append(url)
            method = "GET" if form is None else "POST"
            async with self.session.request(
                method, URL(url, encoded=True), data=form, headers=self.headers, allow_redirects=False
            ) as answer:
                status, text, form = answer.status, await answer.text(), None
            goes_on = re.search('http-equiv="refresh" content="0; url=([^"]*)"', text)
            if status in (302, 303):
                url = urljoin(url, answer.headers["Location"])
            elif goes_on is not None:
                url = urljoin(url, goes_on[1].replace("&amp;", "&"))
            else:
                return status, text
        raise AssertionError(f"a circle: {self.visited}")

    async def log_in(self, name: str, next_path: str = "/") -> tuple[int, str]:
        """Log in by the form of the provider."""
        _, text = await self.open(f"/login/oidc/?next={next_path}")
        action = re.search('<form method="post" action="([^"]*)"', text)
        assert action is not None, text
        filled = {"login": f"{name}@example.com", "password": dex.PASSWORD}
        return await self.open(urljoin(self.visited[-1], action[1].replace("&amp;", "&")), filled)

    def knows(self, name: str) -> bool:
        """Return whether it has a cookie of this name."""
        return any(each.key == name for each in self.session.cookie_jar)


@pytest.fixture
async def browser(world: World) -> AsyncIterator[Browser]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        world.write()
        await followed(world)
        yield Browser(world, session)


async def followed(world: World) -> None:
    """Wait until the server has put the file in force."""
    written = (world.server.access_file.parent / "sessions.yaml").read_bytes()
    async with aiohttp.ClientSession() as session, asyncio.timeout(HANG_SECONDS):
        revision = ""
        while revision != hashlib.sha256(written).hexdigest():
            async with session.get(f"{world.server.metrics_url}/access") as answer:
                revision = (await answer.json())["sessions"]["revision"]


@pytest.fixture(scope="module")
def project(world: World, tmp_path_factory: pytest.TempPathFactory) -> str:
    wheel = distributions.wheel(tmp_path_factory.mktemp("wheel"), "team_tool")
    asyncio.run(publish(world, wheel))
    return "team-tool"


async def publish(world: World, wheel: Path) -> None:
    async with aiohttp.ClientSession() as session:
        upload = session.post(f"{world.server.url}/legacy/", data=form(wheel), headers=auth(OWNER))
        async with upload as answer:
            assert answer.status == 200, await answer.text()


async def test_a_person_reads_by_the_rights_of_the_mapped_group(browser: Browser, project: str) -> None:
    assert project not in (await browser.open("/projects/"))[1]
    status, text = await browser.log_in("alice", "/projects/")
    assert status == 200
    assert browser.visited[-1] == f"{browser.world.url}/projects/"
    assert project in text
    assert f"oidc:{browser.world.running.issuer}#" in text
    # No group of the same name, and no right of any user.
    assert "owners" not in (await browser.open("/access/"))[1]


async def test_a_person_without_a_mapped_group_is_refused(browser: Browser) -> None:
    status, text = await browser.log_in("mallory")
    assert status == 403
    assert "none of your groups counts here. It names everyone, platform, owners." in text
    assert not browser.knows("wheelyard")


async def test_the_installers_paths_do_not_know_the_session(browser: Browser, project: str) -> None:
    await browser.log_in("alice")
    assert (await browser.open(f"/simple/{project}/"))[0] in (401, 404)


async def test_a_code_counts_once(browser: Browser) -> None:
    await browser.log_in("alice")
    (callback,) = (each for each in browser.visited if "/login/oidc/callback/" in each)
    status, text = await browser.open(callback)
    assert status == 400
    assert "no login that this browser has begun" in text


async def test_a_session_that_is_over_is_renewed_without_a_page(browser: Browser, project: str) -> None:
    world = browser.world
    browser.headers = {"X-Remote-User": "alice", "X-Remote-Group": "team-a"}
    world.write(dex.HEADER)
    await followed(browser.world)
    browser.session.cookie_jar.update_cookies({"wheelyard": over(world)}, URL(world.url))
    status, text = await browser.open("/projects/?q=team")
    assert (status, browser.visited[-1]) == (200, f"{world.url}/projects/?q=team")
    assert project in text
    assert any("prompt=none" in each for each in browser.visited)


async def test_a_person_who_has_left_the_group_is_not_renewed(browser: Browser, project: str) -> None:
    world = browser.world
    browser.headers = {"X-Remote-User": "alice", "X-Remote-Group": "everyone"}
    world.write(dex.HEADER)
    await followed(browser.world)
    browser.session.cookie_jar.update_cookies({"wheelyard": over(world)}, URL(world.url))
    status, text = await browser.open("/projects/")
    assert status == 403
    assert "none of your groups counts here" in text
    status, text = await browser.open("/projects/")
    assert (status, project in text) == (200, False)


def over(world: World) -> str:
    """Return the cookie of a session that has lasted for an hour."""
    then = datetime.now(UTC) - SIGN_ON_LIFETIME - timedelta(seconds=1)
    sessions = Sessions(lambda: SessionFile(keys=(KEY,)), "packages/main", lambda: then)
    return sessions.of_person(SignedOn(Person(world.running.issuer, "someone", ("team-a",)), ("team-a",)))


async def test_a_request_to_end_all_sessions_ends_them(browser: Browser, project: str) -> None:
    await browser.log_in("alice")
    browser.world.write(notBefore=(datetime.now(UTC) + timedelta(seconds=2)).isoformat())
    await followed(browser.world)
    assert project not in (await browser.open("/projects/"))[1]
    assert "Log in" in (await browser.open("/"))[1]


async def test_a_provider_that_is_down_at_the_callback_is_a_page(browser: Browser) -> None:
    world = browser.world
    async with browser.session.get(f"{world.url}/login/oidc/", allow_redirects=False) as answer:
        state = URL(answer.headers["Location"]).query["state"]
    world.running.stop()
    try:
        status, text = await browser.open(f"/login/oidc/callback/?state={state}&code=c")
    finally:
        world.running.start()
        world.provider |= described(world.running)
    assert status == 502
    assert "The provider of single sign-on does not accept connections" in text
    assert "log in with a token or a password" in text


@pytest.mark.browser
async def test_a_real_browser_logs_in_from_another_site(browser: Browser, project: str, tmp_path: Path) -> None:
    """The provider is another site: the answer comes without the Strict cookie, and the page goes on by itself."""
    world = browser.world
    async with chromium(tmp_path / "profile") as program, program.page() as page:
        await page.open(f"{world.url}/login/?next=/projects/")
        async with page.loading():
            await page.evaluate("document.querySelector('a[href*=oidc]').click()")
        await page.eventually("document.querySelector('#login') !== null")
        await page.evaluate("document.querySelector('#login').focus()")
        await page.write("alice@example.com")
        await page.evaluate("document.querySelector('#password').focus()")
        await page.write(dex.PASSWORD)
        await page.evaluate("document.querySelector('form').requestSubmit()")
        await page.eventually(f"location.href === '{world.url}/projects/'")
        assert project in await page.eventually("document.body && document.body.innerText")
        (cookie,) = await page.cookies()
        assert (cookie["name"], cookie["sameSite"], cookie["httpOnly"]) == ("wheelyard", "Strict", True)
