"""Pages for people in a real Chromium: accessibility, narrow windows, the keyboard, and no scripts."""

from collections.abc import AsyncIterator, Iterator
from itertools import product
from pathlib import Path

import pytest

from support import axe
from support.access import OWNER
from support.chromium import NARROWEST, WIDE, Chromium, Page, chromium
from support.fetching import fetch
from support.screens import SCHEMES
from support.server import Server
from support.showcase import ERRORS, PAGES, showcase

pytestmark = pytest.mark.browser
ALL = {**PAGES, **ERRORS}
EXPECTED_COMPLAINT = "Failed to load resource: the server responded with a status of 4"
"""What the browser says about the error pages."""
ZOOMED = WIDE // 4
"""The width of a window of 1280 pixels at 400 % (WCAG 2.2, 1.4.10); it is that of 640 pixels at 200 %."""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with showcase(tmp_path_factory.mktemp("showcase")) as server:
        yield server


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Chromium]:
    async with chromium(tmp_path / "profile") as running:
        yield running


async def test_axe_finds_nothing_on_any_page_in_either_scheme(shown: Server, browser: Chromium) -> None:
    wrong = {}
    for (name, path), scheme, width in product(ALL.items(), SCHEMES, (NARROWEST, WIDE)):
        async with browser.page(width, scheme) as page:
            await page.open(f"{shown.url}{path}")
            found = await axe.findings(page)
            if found:
                wrong[name, scheme, width] = found
    assert wrong == {}


async def test_no_page_scrolls_sideways_or_asks_another_site_or_complains(shown: Server, browser: Chromium) -> None:
    """At 320 pixels, which is also a window of 1280 pixels at 400 % and one of 640 pixels at 200 %."""
    assert ZOOMED == NARROWEST
    for path, scheme in product(ALL.values(), SCHEMES):
        async with browser.page(NARROWEST, scheme) as page:
            await page.open(f"{shown.url}{path}")
            assert await page.overflow() <= 0, path
            assert await page.evaluate("document.querySelectorAll('h1').length") == 1
            assert [each for each in page.requests if not each.startswith(f"{shown.url}/")] == []
            assert [each for each in page.complaints if not each.startswith(EXPECTED_COMPLAINT)] == []


@pytest.mark.parametrize("has_scripts", [True, False], ids=["scripts", "no scripts"])
async def test_the_keyboard_alone_finds_a_project(shown: Server, browser: Chromium, has_scripts: bool) -> None:  # noqa: FBT001 - pytest's
    async with browser.page(has_scripts=has_scripts) as page:
        await page.open(f"{shown.url}/")
        await page.tab_to("Search projects")
        await page.write("warehouses")
        async with page.loading():
            await page.press("Enter")
        assert await _text(page, ".rows .name") == ["acme-routes"]


async def test_the_skip_link_is_the_first_stop_and_leads_to_the_content(shown: Server, browser: Chromium) -> None:
    async with browser.page() as page:
        await page.open(f"{shown.url}/")
        await page.press("Tab")
        assert await page.focused() == "Skip to the content"
        await page.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize("has_scripts", [True, False], ids=["scripts", "no scripts"])
async def test_the_arrow_keys_choose_an_installer(shown: Server, browser: Chromium, has_scripts: bool) -> None:  # noqa: FBT001 - pytest's
    async with browser.page(has_scripts=has_scripts) as page:
        await page.open(f"{shown.url}/")
        await page.tab_to("uv")
        assert "uv pip install" in "".join(await _visible(page, ".tab code"))
        await page.press("ArrowRight")
        assert await page.focused() == "pip"
        commands = await _visible(page, ".tab code")
        assert any(each.startswith("pip install --index-url") for each in commands)
        assert not any(each.startswith("uv pip install") for each in commands)


async def test_a_command_is_copied_and_the_screen_reader_hears_it(shown: Server, browser: Chromium) -> None:
    async with browser.page() as page:
        await browser.allow_clipboard(page)
        await page.open(f"{shown.url}/")
        await page.tab_to("Copy the command: install by uv")
        await page.press("Enter")
        assert await page.eventually("document.querySelector('[aria-live]').textContent") == "Copied"
        copied = await page.evaluate("navigator.clipboard.readText()")
        assert copied == f"uv pip install --default-index {shown.url}/simple/ PACKAGE"


async def test_without_scripts_no_button_does_nothing(shown: Server, browser: Chromium) -> None:
    async with browser.page(has_scripts=False) as page:
        await page.open(f"{shown.url}/")
        assert await _visible(page, "button.copy") == []


@pytest.mark.parametrize("has_scripts", [True, False], ids=["scripts", "no scripts"])
async def test_the_keyboard_alone_logs_in_and_out(shown: Server, browser: Chromium, has_scripts: bool) -> None:  # noqa: FBT001 - pytest's
    async with browser.page(has_scripts=has_scripts) as page:
        await page.open(f"{shown.url}/login/?next=/access/")
        await page.tab_to("Token or password")
        await page.write(OWNER)
        async with page.loading():
            await page.press("Enter")
        assert await page.eventually("document.querySelector('h1').textContent") == "Access"
        assert await _text(page, ".who span") == ["team.owner"]
        assert "group:owners" in await page.evaluate("document.querySelector('main').textContent")
        await page.look(NARROWEST, "dark")
        assert await page.overflow() <= 0
        await page.tab_to("Log out")
        async with page.loading():
            await page.press("Enter")
        assert await _text(page, ".who a") == ["Log in"]


@pytest.mark.parametrize(
    ("project", "version", "has_scripts"), [("acme-labels", "3.0.2", True), ("acme-units", "2.3.1", False)]
)
async def test_the_keyboard_alone_yanks_and_deletes(
    shown: Server,
    browser: Chromium,
    project: str,
    version: str,
    has_scripts: bool,  # noqa: FBT001 - pytest's
) -> None:
    async with browser.page(has_scripts=has_scripts) as page:
        await log_in(page, shown, f"/project/{project}/manage/")
        await page.tab_to(version)
        await page.press(" ")
        await page.tab_to("Reason, which installers show")
        await page.write("prints the wrong carrier")
        await go(page, "Yank")
        assert await _text(page, ".tag") == ["yanked"]
        assert "prints the wrong carrier" in await page.evaluate("document.querySelector('table').textContent")
        await look_at(page, has_scripts=has_scripts)
        await page.tab_to(version)
        await page.press(" ")
        await go(page, "Delete\u2026")
        assert "cannot be undone" in await page.evaluate("document.querySelector('main').textContent")
        await look_at(page, has_scripts=has_scripts)
        [typed] = await _text(page, "label code")
        await page.tab_to(f"Type {typed} to delete")
        await page.write(typed)
        await go(page, "Delete for good")
        left = await page.evaluate("document.querySelector('main').textContent")
        assert page.complaints == [], left
    answer = fetch(f"{shown.url}/simple/{project}/", Accept="text/html")
    assert answer.status == 404 or f"-{version}-" not in answer.body.decode(), left


async def test_axe_finds_nothing_on_pages_of_a_manager(shown: Server, browser: Chromium) -> None:
    for scheme in SCHEMES:
        async with browser.page(scheme=scheme) as page:
            await log_in(page, shown, "/access/")
            assert await _text(page, "h2") == ["What you may do", "All grants", "Change it"]
            assert await axe.findings(page) == []


@pytest.mark.parametrize(("path", "heading"), [("/upstreams/", "pypi up"), ("/advisories/", "Quarantined by hand")])
async def test_axe_finds_nothing_on_pages_about_the_whole_index(
    shown: Server, browser: Chromium, path: str, heading: str
) -> None:
    for scheme in SCHEMES:
        async with browser.page(scheme=scheme) as page:
            await log_in(page, shown, path)
            assert heading in await _text(page, "h2")
            await look_at(page, has_scripts=True)
            assert page.complaints == []


async def log_in(page: Page, shown: Server, following: str) -> None:
    """Log in as an owner, and go to another page."""
    await page.open(f"{shown.url}/login/?next={following}")
    await page.tab_to("Token or password")
    await page.write(OWNER)
    async with page.loading():
        await page.press("Enter")


async def go(page: Page, button: str) -> None:
    """Press a button that leads to another page."""
    await page.tab_to(button)
    async with page.loading():
        await page.press("Enter")


async def look_at(page: Page, *, has_scripts: bool) -> None:
    """Check a page in a narrow window; axe-core is a script, and cannot run in a page without them."""
    await page.look(NARROWEST, "dark")
    assert await page.overflow() <= 0
    assert not has_scripts or await axe.findings(page) == []
    await page.look(WIDE, "light")


async def _text(page: Page, selector: str) -> list[str]:
    found: list[str] = await page.evaluate(
        f"[...document.querySelectorAll('{selector}')].map((each) => each.textContent.trim())"
    )
    return found


async def _visible(page: Page, selector: str) -> list[str]:
    found: list[str] = await page.evaluate(
        f"[...document.querySelectorAll('{selector}')].filter((each) => each.checkVisibility())"
        ".map((each) => each.textContent)"
    )
    return found
