"""Single sign-on as a browser sees it."""

import logging
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
import pytest
from aiohttp.test_utils import TestClient

from support import distributions
from support.access import ACCESS, OWNER
from support.http import Client, auth, form
from support.memory_storage import MemoryStorage
from support.serving import LimitedServer
from support.sessions import write_sessions
from support.sign_on import ISSUER, NOW, Endpoint, provider
from wheelyard_server import app
from wheelyard_server.access.accepted_users import AcceptedUsers
from wheelyard_server.access.access_file import AccessFile, User
from wheelyard_server.access.open_id_provider import MappedGroup
from wheelyard_server.access.rules import Grant, Principal, Verb
from wheelyard_server.access.session_file import Moment, SessionFile
from wheelyard_server.access.sessions import SIGN_ON_LIFETIME
from wheelyard_server.errors import ProviderError
from wheelyard_server.settings import Settings
from wheelyard_server.web.context import CATALOG_ACCESS
from wheelyard_server.web.http.lifecycle import LIFECYCLE
from wheelyard_server.web.site.single_sign_on import RENEWABLE, SINGLE_SIGN_ON

KEY, OTHER_KEY = "A" * 43, "B" * 42 + "A"
FILE: Mapping[str, object] = {"keys": (KEY,), "oidc": provider()}
NAME = f"oidc:{ISSUER}#alice"
RIGHTS = AccessFile(
    users=(*ACCESS.users, User(name=NAME, groups=("owners",))),
    grants=(
        *ACCESS.grants,
        Grant(subjects=("group:platform",), packages=("team-*",), verbs=(Verb.READ, Verb.PUBLISH)),
        Grant(subjects=("group:owners",), packages=("team-*",), verbs=tuple(Verb)),
        Grant(subjects=(f"user:{NAME}", "user:alice"), packages=("*",), verbs=tuple(Verb)),
    ),
)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    settings.access_file.write_bytes(msgspec.yaml.encode(RIGHTS))
    write_sessions(settings.access_file.parent, KEY, oidc=msgspec.to_builtins(provider()))
    return settings


class Browser:
    """A browser, and the provider that it visits."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self.client, self.settings = client, settings
        self.endpoint = Endpoint()
        self.now = NOW
        self.sign_on, self.sessions = client.app[SINGLE_SIGN_ON], client.app[CATALOG_ACCESS].sessions
        self.sign_on._endpoint = self.endpoint
        self.sign_on._clock = self.sessions._clock = self.clock

    def clock(self) -> datetime:
        return self.now

    def change(self, **changes: object) -> None:
        """Put another sessions file in force."""
        file = SessionFile(**{**FILE, **changes})  # type: ignore[arg-type]
        self.sessions._file = lambda: file

    async def get(self, path: str, **headers: str) -> tuple[int, str, str]:
        """Return the status, where it redirects to, and the text."""
        answer = await self.client.get(path, headers=headers, allow_redirects=False)
        return answer.status, answer.headers.get("Location", ""), await answer.text()

    async def begin(self, query: str = "") -> dict[str, str]:
        """Begin a login; return what the provider is asked."""
        status, location, _ = await self.get(f"/login/oidc/?{query}")
        assert status == 303
        assert location.startswith(f"{ISSUER}/auth?")
        asked = {name: value for name, (value,) in parse_qs(urlsplit(location).query).items()}
        self.endpoint.nonce = asked["nonce"]
        return asked

    async def log_in(self, query: str = "", **claims: object) -> tuple[int, str, str]:
        """Log in, and return the answer of the callback."""
        asked = await self.begin(query)
        self.endpoint.claims = claims
        return await self.get(f"/login/oidc/callback/?{urlencode({'state': asked['state'], 'code': 'c'})}")

    @property
    def cookies(self) -> set[str]:
        return {cookie.key for cookie in self.client.session.cookie_jar}

    def principal(self) -> Principal:
        """Return who the visitor is."""
        cookie = {each.key: each.value for each in self.client.session.cookie_jar}["wheelyard"]
        principal = self.sessions.principal(cookie, AcceptedUsers(RIGHTS))
        assert principal is not None
        return principal

    async def who(self) -> str:
        """Return who the visitor is, according to a page."""
        _, _, text = await self.get("/access/")
        found = re.search(r'<div class="who">\s*<span>([^<]*)', text)
        return found[1] if found else "Not logged in"


@pytest.fixture
def browser(client: Client, settings: Settings) -> Browser:
    return Browser(client, settings)


async def publish(client: Client, folder: Path, name: str) -> None:
    wheel = distributions.wheel(folder, name)
    assert (await client.post("/legacy/", data=form(wheel), headers=auth(OWNER))).status == 200


def refresh(text: str) -> str:
    found = re.search('<meta http-equiv="refresh" content="0; url=([^"]*)">', text)
    assert found is not None, text
    return found[1]


async def test_a_person_logs_in_and_reads_by_the_rights_of_the_mapped_group(
    browser: Browser, tmp_path: Path
) -> None:
    await publish(browser.client, tmp_path, "team_tool")
    assert "team-tool" not in (await browser.get("/projects/"))[2]
    status, _, text = await browser.log_in("next=/projects/%3Fq%3Dtool", groups=["team-a", "owners", "platform"])
    assert (status, refresh(text)) == (200, "../../../projects/?q=tool")
    assert browser.cookies == {"wheelyard"}
    assert "team-tool" in (await browser.get("/projects/?q=tool"))[2]
    assert await browser.who() == NAME


async def test_the_page_that_goes_on_has_a_link_and_is_not_kept(browser: Browser) -> None:
    asked = await browser.begin()
    query = urlencode({"state": asked["state"], "code": "c", "iss": ISSUER})
    answer = await browser.client.get(f"/login/oidc/callback/?{query}")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert '<a href="../../../">Go on</a>' in await answer.text()


async def test_cookies_are_for_this_host_and_no_script(browser: Browser) -> None:
    proxied = {"Host": "pypi.example.com", "X-Forwarded-Proto": "https"}
    answer = await browser.client.get("/login/oidc/", headers=proxied, allow_redirects=False)
    asked = parse_qs(urlsplit(answer.headers["Location"]).query)
    (login,) = answer.cookies.values()
    assert asked["redirect_uri"] == ["https://pypi.example.com/login/oidc/callback/"]
    assert login.key == f"__Host-wheelyard-login-{asked['state'][0]}"
    assert login.OutputString().partition("; ")[2] == "HttpOnly; Max-Age=600; Path=/; SameSite=Lax; Secure"
    assert answer.headers["Cache-Control"] == "no-store"
    browser.endpoint.nonce = asked["nonce"][0]
    query = urlencode({"state": asked["state"][0], "code": "c"})
    headers = proxied | {"Cookie": f"{login.key}={login.value}"}
    done = await browser.client.get(f"/login/oidc/callback/?{query}", headers=headers)
    session = done.cookies["__Host-wheelyard"].OutputString().partition("; ")[2]
    assert session == f"HttpOnly; Max-Age={int(RENEWABLE.total_seconds())}; Path=/; SameSite=Strict; Secure"
    assert "Max-Age=0" in done.cookies[login.key].OutputString()


@pytest.mark.parametrize("path", ["/login/oidc/", "/login/oidc/callback/?state=a&code=c"])
async def test_plain_http_from_elsewhere_is_refused(browser: Browser, path: str) -> None:
    status, _, text = await browser.get(path, Host="pypi.example.com")
    assert status == 400
    assert "need HTTPS" in text


async def test_an_answer_in_another_browser_costs_the_provider_no_request(browser: Browser) -> None:
    """Login CSRF: an attacker's code in the victim's browser."""
    asked = await browser.begin()
    browser.client.session.cookie_jar.clear()
    status, _, text = await browser.get(f"/login/oidc/callback/?state={asked['state']}&code=c")
    assert status == 400
    assert "no login that this browser has begun" in text
    assert browser.endpoint.asked == []
    assert browser.cookies == set()


@pytest.mark.parametrize("query", ["", "state=a&code=c", "code=c", f"state={'a' * 43}&code=c", "state=%0d%0a"])
async def test_an_answer_without_a_login_is_refused(browser: Browser, query: str) -> None:
    await browser.begin()
    status, _, text = await browser.get(f"/login/oidc/callback/?{query}")
    assert (status, browser.endpoint.asked) == (400, [])
    assert "Log in again" in text


async def test_a_login_is_finished_once(browser: Browser) -> None:
    asked = await browser.begin()
    path = f"/login/oidc/callback/?state={asked['state']}&code=c"
    assert (await browser.get(path))[0] == 200
    assert (await browser.get(path))[0] == 400
    assert len(browser.endpoint.asked) == 1


async def test_the_words_of_the_provider_are_escaped(browser: Browser) -> None:
    asked = await browser.begin()
    query = urlencode(
        {"state": asked["state"], "error": "access_denied", "error_description": "<script>alert(1)</script>"}
    )
    status, _, text = await browser.get(f"/login/oidc/callback/?{query}")
    assert status == 400
    assert "access_denied: &lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert browser.cookies == set()


@pytest.mark.parametrize(
    "wanted", ["https://evil.example.com/", "//evil.example.com/", "/\\evil.example.com", "/login/"]
)
async def test_a_login_leads_to_no_other_site(browser: Browser, wanted: str) -> None:
    _, _, text = await browser.log_in(urlencode({"next": wanted}))
    assert refresh(text) == "../../../"


@pytest.mark.parametrize("groups", [None, [], ["platform"], ["owners", f"user:{NAME}"]])
async def test_a_person_without_a_mapped_group_is_refused_with_a_page(browser: Browser, groups: object) -> None:
    status, _, text = await browser.log_in(groups=groups)
    assert status == 403
    assert "none of your groups counts here" in text
    assert browser.cookies == set()


async def test_a_provider_that_is_down_is_a_page(browser: Browser) -> None:
    browser.endpoint.error = ProviderError("does not answer in time")
    status, _, text = await browser.log_in()
    assert status == 502
    assert "The provider of single sign-on does not answer in time. Try again in a moment" in text


async def test_a_person_is_no_user_of_the_index_by_any_spelling(browser: Browser, tmp_path: Path) -> None:
    await publish(browser.client, tmp_path, "open_tool")
    await publish(browser.client, tmp_path, "team_tool")
    await browser.log_in()
    principal = browser.principal()
    assert principal.name == NAME
    assert principal.subjects == {"anonymous", "authenticated", "group:platform"}


async def test_a_person_in_a_hundred_mapped_groups_has_a_session(browser: Browser) -> None:
    """Browsers keep no cookie of more than 4096 bytes."""
    names = [f"{each:0100}" for each in range(100)]
    browser.change(oidc=provider(groups=tuple(MappedGroup(provider=each, group=each) for each in names)))
    assert (await browser.log_in(groups=names, sub="s" * 255))[0] == 200
    assert browser.principal().groups == tuple(names)


async def test_a_changed_map_counts_at_once(browser: Browser) -> None:
    await browser.log_in()
    assert await browser.who() == NAME
    browser.change(oidc=provider(groups=(MappedGroup(provider="team-b", group="platform"),)))
    assert await browser.who() == "Not logged in"
    browser.change(oidc=provider(groups=(MappedGroup(provider="team-a", group="readers"),)))
    assert browser.principal().groups == ("readers",)


ENDED: Mapping[str, dict[str, object]] = {
    "a request to end all sessions": {"not_before": Moment.parse(NOW + timedelta(seconds=1))},
    "another key": {"keys": (OTHER_KEY,)},
    "another provider": {"oidc": provider(issuer="https://new.example.com")},
    "no provider": {"oidc": None},
    "no keys": {"keys": ()},
}


@pytest.mark.parametrize("changes", ENDED.values(), ids=ENDED)
async def test_a_session_ends_at_once_by(browser: Browser, changes: dict[str, object]) -> None:
    await browser.log_in()
    browser.change(**changes)
    assert await browser.who() == "Not logged in"


async def test_a_session_goes_on_when_the_key_is_rotated_or_an_earlier_moment_is_set(browser: Browser) -> None:
    await browser.log_in()
    browser.change(keys=(OTHER_KEY, KEY), not_before=Moment.parse(NOW))
    assert await browser.who() == NAME


async def test_a_session_that_is_over_is_renewed_silently(browser: Browser) -> None:
    await browser.log_in()
    browser.now = NOW + SIGN_ON_LIFETIME
    status, location, _ = await browser.get("/projects/?q=tool")
    assert (status, location) == (303, "../login/oidc/?silent=&next=%2Fprojects%2F%3Fq%3Dtool")
    status, _, _ = await browser.log_in(urlsplit(location).query, exp=None)
    assert status == 400  # This renewal fails.
    assert await browser.who() == "Not logged in"
    browser.now = NOW
    assert (await browser.log_in())[0] == 200


async def test_a_renewed_session_leads_back(browser: Browser) -> None:
    await browser.log_in()
    browser.now = NOW + SIGN_ON_LIFETIME
    later = int((browser.now + timedelta(minutes=5)).timestamp())
    status, _, text = await browser.log_in("silent=&next=/projects/", exp=later)
    assert (status, refresh(text)) == (200, "../../../projects/")
    assert await browser.who() == NAME


async def test_a_provider_that_must_show_a_page_leads_to_the_login_page_and_to_no_circle(browser: Browser) -> None:
    await browser.log_in()
    browser.now = NOW + SIGN_ON_LIFETIME
    asked = await browser.begin("silent=&next=/projects/")
    assert asked["prompt"] == "none"
    assert "wheelyard" not in browser.cookies
    query = urlencode({"state": asked["state"], "error": "login_required"})
    status, location, _ = await browser.get(f"/login/oidc/callback/?{query}")
    assert (status, location) == (303, "../../../login/?next=%2Fprojects%2F")
    assert browser.cookies == set()
    assert await browser.who() == "Not logged in"


async def test_a_link_of_another_site_ends_no_session(browser: Browser) -> None:
    """Neither by a renewal that it begins, nor by the answer to that: only an ended session is deleted."""
    await browser.log_in()
    asked = await browser.begin("silent")
    await browser.get(f"/login/oidc/callback/?state={asked['state']}&error=login_required")
    assert await browser.who() == NAME


async def test_a_session_that_is_too_old_is_not_renewed(browser: Browser) -> None:
    await browser.log_in()
    browser.now = NOW + RENEWABLE
    assert await browser.who() == "Not logged in"


async def test_several_tabs_log_in_at_the_same_time(browser: Browser) -> None:
    asked = [await browser.begin() for _ in range(3)]
    for each in asked:
        browser.endpoint.nonce = each["nonce"]
        assert (await browser.get(f"/login/oidc/callback/?state={each['state']}&code=c"))[0] == 200
    assert browser.cookies == {"wheelyard"}


async def test_a_browser_keeps_a_bounded_number_of_logins(browser: Browser) -> None:
    for _ in range(20):
        await browser.begin(urlencode({"next": "/" + "a" * 400}))
    assert len(browser.cookies) == 3
    assert (await browser.log_in())[0] == 200


@pytest.mark.parametrize("path", ["/simple/team-tool/", "/pypi/team-tool/json"])
async def test_no_path_of_installers_reads_the_cookie(browser: Browser, tmp_path: Path, path: str) -> None:
    await publish(browser.client, tmp_path, "team_tool")
    await browser.log_in()
    assert (await browser.get(path))[0] in (401, 404)
    assert msgspec.json.decode((await browser.get("/api/v1/whoami"))[2])["user"] is None


async def test_without_a_provider_there_is_a_page_that_says_so(browser: Browser) -> None:
    browser.change(oidc=None)
    status, _, text = await browser.get("/login/oidc/")
    assert status == 404
    assert "This index has no single sign-on: log in with a token or a password" in text


async def test_a_login_is_audited(browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "audit")
    await browser.log_in()
    browser.client.session.cookie_jar.clear()
    await browser.log_in(groups=[])
    done, refused = (vars(each)["fields"] for each in caplog.records if each.name == "audit")
    assert (done["verb"], done["outcome"], done["user"], done["method"]) == (
        "login",
        "done",
        NAME,
        "single-sign-on",
    )
    assert (refused["outcome"], refused["user"]) == ("refused", "anonymous")
    assert "none of your groups" in refused["reason"]


async def test_below_a_path_the_provider_leads_back_to_the_public_url(settings: Settings) -> None:
    application = app.build(settings, MemoryStorage())
    application[LIFECYCLE].started = True
    async with TestClient(LimitedServer(application, settings.limits, path="/team/pypi")) as client:
        browser = Browser(client, settings)
        asked = await browser.begin()
        assert asked["redirect_uri"] == f"http://127.0.0.1:{client.port}/team/pypi/login/oidc/callback/"
        (cookie,) = browser.cookies
        assert cookie.startswith("wheelyard-login-")
        assert cookie != f"wheelyard-login-{asked['state']}"
        _, _, text = await browser.get(f"/login/oidc/callback/?state={asked['state']}&code=c")
        assert refresh(text) == "../../../"
