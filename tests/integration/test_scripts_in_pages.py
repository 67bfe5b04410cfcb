"""Texts that try to run a script, in every place of the pages, in a real Chromium.

Each page is opened with its Content-Security-Policy and without it: neither of the two walls may
need the other.
"""

from collections.abc import AsyncIterator, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import pytest
from aiohttp import ClientSession

from support import distributions
from support.access import OWNER
from support.chromium import Chromium, Page, chromium
from support.http import auth, form
from support.scripts import MARK, TAGS, vectors
from support.server import Server
from support.upstreams.mirroring import index

pytestmark = pytest.mark.browser
BOTH = pytest.mark.parametrize("has_policy", [True, False], ids=["with the policy", "without it"])
TYPES = {"markdown": "text/markdown", "rest": "text/x-rst"}
ADDRESSES = (("/projects/", "q"), ("/projects/", "page"), ("/login/", "next"))
"""Pages, and the names of texts in their queries."""
PARTS = ("", "files/", "versions/")
"""The pages of each project."""
STATUS = "performance.getEntriesByType('navigation')[0].responseStatus"
UNSAFE = """[...document.querySelectorAll("*")].flatMap((element) => {
  const found = [...element.attributes].filter(({name, value}) =>
    name.startsWith("on") || name === "style" || name === "srcdoc"
    || (["href", "src", "action", "formaction", "data", "xlink:href", "background"].includes(name)
        && !["http:", "https:", "mailto:"].includes(new URL(value, document.baseURI).protocol)));
  const known = element.matches("script[src*='_/site/']:empty");
  if (!known && element.matches("script, iframe, object, embed, base, meta[http-equiv], template, style"))
    found.push(element);
  return found.length ? [element.outerHTML] : [];
})"""
"""What a page must not have, whether a script of it runs or not."""


class Odd(NamedTuple):
    """A project with a text of each place."""

    name: str
    kind: str
    description: str
    summary: str
    author: str
    link: str
    reason: str

    @property
    def headers(self) -> str:
        """Return its core metadata from the fourth line on."""
        return (
            f"Summary: {self.summary}\nAuthor: {self.author}\nHome-page: {self.link}\n"
            f"Project-URL: Docs, {self.link}\nDescription-Content-Type: {TYPES[self.kind]}\n\n{self.description}\n"
        )


def odd_projects() -> Iterator[Odd]:
    """Yield projects that have all texts of their places, each once at least."""
    places: dict[str, list[str]] = {}
    for vector in vectors():
        places.setdefault(vector.place, []).append(vector.text)
    others = list(zip_longest(*(places[each] for each in ("summary", "author", "link", "reason")), fillvalue="a"))
    for kind in TYPES:
        for number, text in enumerate(places[kind]):
            yield Odd(f"open_{kind}_{number}", kind, text, *others[number % len(others)])


async def publish(server: Server, folder: Path, odd: Odd, session: ClientSession) -> None:
    wheel = distributions.wheel(folder, odd.name, extra=odd.headers)
    async with session.post(f"{server.url}/legacy/", data=form(wheel), headers=auth(OWNER)) as answer:
        assert answer.status == 200, (odd, await answer.text())
    project = f"{server.url}/api/v1/projects/{odd.name.replace('_', '-')}"
    for path, body in (
        ("/versions/1.0/yank", {"reason": odd.reason}),
        ("/status", {"status": "deprecated", "reason": odd.reason}),
    ):
        async with session.put(f"{project}{path}", json=body, headers=auth(OWNER)) as answer:
            assert answer.status in (200, 400, 422), await answer.text()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with index(tmp_path / "index", {}) as running:
        yield running.server


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Chromium]:
    async with chromium(tmp_path / "profile") as running:
        yield running


async def opened(page: Page, url: str, *expected: int) -> list[str]:
    """Return what is wrong with a page that was opened."""
    await page.open(url)
    await page.settle()
    origin = "/".join(url.split("/")[:3])
    elsewhere = [each for each in page.requests if not each.startswith((f"{origin}/", "data:"))]
    wrong = [*page.dialogs, *elsewhere, *await page.evaluate(UNSAFE)]
    page.dialogs.clear()
    page.requests.clear()
    if await page.evaluate(STATUS) not in expected:
        wrong.append(await page.evaluate("document.body.textContent"))
    return [f"{url}: {each}" for each in wrong]


@BOTH
async def test_no_text_of_an_uploader_runs(
    server: Server,
    browser: Chromium,
    tmp_path: Path,
    has_policy: bool,  # noqa: FBT001 - pytest's
) -> None:
    odd = list(odd_projects())
    async with ClientSession() as session:
        for each in odd:
            await publish(server, tmp_path, each, session)
    wrong = []
    async with browser.page() as page:
        if not has_policy:
            await page.ignore_policy()
        for path in ("projects/", "projects/?page=2", ""):
            wrong += await opened(page, f"{server.url}/{path}", 200)
        for each in odd:
            project = f"{server.url}/project/{each.name.replace('_', '-')}/"
            for path in PARTS:
                wrong += await opened(page, f"{project}{path}", 200)
    assert wrong == []


@BOTH
async def test_no_text_of_an_address_runs(server: Server, browser: Chromium, has_policy: bool) -> None:  # noqa: FBT001 - pytest's
    wrong = []
    async with browser.page() as page:
        if not has_policy:
            await page.ignore_policy()
        for vector in vectors():
            if vector.place in ("query", "next"):
                for path, name in ADDRESSES:
                    wrong += await opened(page, f"{server.url}{path}?{urlencode({name: vector.text})}", 200, 400)
    assert wrong == []


@BOTH
async def test_the_same_texts_as_markup_run_without_the_policy_alone(
    server: Server,
    browser: Chromium,
    has_policy: bool,  # noqa: FBT001 - pytest's
) -> None:
    """The trap of the other tests closes, and the policy by itself stops what gets into a page."""
    async with browser.page() as page:
        if not has_policy:
            await page.ignore_policy()
        await page.open(f"{server.url}/")
        for text in TAGS:
            put = f"document.querySelector('main').innerHTML = {text!r}"
            await page.send("Runtime.evaluate", expression=put, returnByValue=False)
            await page.settle()
        assert await page.evaluate(UNSAFE) != [] or not has_policy
        assert set(page.dialogs) == (set() if has_policy else {MARK})
        assert has_policy or len(page.dialogs) > 10
