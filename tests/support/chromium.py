"""Debian's Chromium, driven by the DevTools protocol: pages as people see and use them."""

import asyncio
import base64
import itertools
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from aiohttp import ClientSession, ClientWebSocketResponse

from cluster import debian
from support.browser import OPTIONS

Scheme = Literal["light", "dark"]
SECONDS = 60
"""Until the browser must have done what it was asked to."""
WIDE, NARROW, NARROWEST = 1280, 390, 320
_MAX_MESSAGE = 64 * 1024 * 1024
_SHIFT = 8
_KEYS: Mapping[str, tuple[int, str]] = {
    "Tab": (9, ""),
    "Enter": (13, "\r"),
    " ": (32, " "),
    "ArrowLeft": (37, ""),
    "ArrowRight": (39, ""),
    "ArrowDown": (40, ""),
}


class Chromium:
    """A running browser, of which each page has cookies and storage of its own."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._pages: dict[str, Page] = {}

    async def read(self) -> None:
        """Hand each message to those that wait for it, until the connection ends."""
        async for message in self._socket:
            read = message.json()
            if "id" in read:
                self._waiting.pop(read["id"]).set_result(read)
            elif (page := self._pages.get(read.get("sessionId", ""))) is not None:
                page.note(read["method"], read["params"])

    async def send(self, method: str, session: str = "", **parameters: object) -> dict[str, Any]:
        """Return the result of a command (https://chromedevtools.github.io/devtools-protocol/)."""
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        target = {"sessionId": session} if session else {}
        await self._socket.send_json({"id": number, "method": method, "params": parameters, **target})
        async with asyncio.timeout(SECONDS):
            read = await answer
        assert "error" not in read, (method, read["error"])
        result: dict[str, Any] = read["result"]
        return result

    @asynccontextmanager
    async def page(
        self, width: int = WIDE, scheme: Scheme = "light", *, has_scripts: bool = True
    ) -> AsyncIterator["Page"]:
        """Open an empty page of this width in pixels; a page without scripts runs none of the site's."""
        context = (await self.send("Target.createBrowserContext"))["browserContextId"]
        target = (await self.send("Target.createTarget", url="about:blank", browserContextId=context))["targetId"]
        session = (await self.send("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        page = self._pages[session] = Page(self, session, context)
        for domain in ("Page", "Runtime", "Network", "Log", "DOM", "Accessibility"):
            await page.send(f"{domain}.enable")
        await page.send("Page.setLifecycleEventsEnabled", enabled=True)
        # Several pages are open, and each acts like the one in front.
        await page.send("Emulation.setFocusEmulationEnabled", enabled=True)
        await page.look(width, scheme)
        if not has_scripts:
            await page.send("Emulation.setScriptExecutionDisabled", value=True)
        yield page
        await self.send("Target.disposeBrowserContext", browserContextId=context)
        del self._pages[session]

    async def allow_clipboard(self, page: "Page") -> None:
        """Let a page read and write the clipboard, as people do who are asked."""
        permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"]
        await self.send("Browser.grantPermissions", permissions=permissions, browserContextId=page.context)


@dataclass
class Page:
    """A page of the browser, and all that it has asked for and complained about."""

    browser: Chromium
    session: str
    context: str
    """Its cookies, its storage and its permissions."""
    complaints: list[str] = field(default_factory=list)
    """Errors and warnings of the console, of scripts, and of the network, with their texts."""
    requests: list[str] = field(default_factory=list)
    """The URLs of all requests."""
    dialogs: list[str] = field(default_factory=list)
    """The texts of `alert` and its like: each was closed at once."""
    _loads: int = 0
    _loaded: asyncio.Condition = field(default_factory=asyncio.Condition)
    _tasks: set[asyncio.Task[object]] = field(default_factory=set)

    async def send(self, method: str, **parameters: object) -> dict[str, Any]:
        """Return the result of a command to this page."""
        return await self.browser.send(method, self.session, **parameters)

    def note(self, method: str, params: Mapping[str, Any]) -> None:
        """Keep what an event says."""
        match method:
            case "Page.lifecycleEvent" if params["name"] == "load":
                self._soon(self._count_load())
            case "Page.javascriptDialogOpening":
                self.dialogs.append(params["message"])
                self._soon(self.send("Page.handleJavaScriptDialog", accept=True))
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning"):
                self.complaints.append(str(params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")

    def _soon(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _count_load(self) -> None:
        async with self._loaded:
            self._loads += 1
            self._loaded.notify_all()

    @asynccontextmanager
    async def loading(self) -> AsyncIterator[None]:
        """Wait at the end of the block until a page that it leads to has loaded."""
        before = self._loads
        yield
        async with asyncio.timeout(SECONDS), self._loaded:
            await self._loaded.wait_for(lambda: self._loads > before)

    async def look(self, width: int, scheme: Scheme) -> None:
        """Set the width in pixels and the color scheme."""
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 800}
        await self.send("Emulation.setDeviceMetricsOverride", **metrics)
        # Without transitions, since colors in between are of neither scheme.
        media = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in media.items()]
        await self.send("Emulation.setEmulatedMedia", features=features)

    async def ignore_policy(self) -> None:
        """Ignore the Content-Security-Policy of all pages that are opened from now on."""
        await self.send("Page.setBypassCSP", enabled=True)

    async def settle(self) -> None:
        """Wait until the page has been painted twice: what begins with its first picture has begun."""
        await self.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    async def open(self, url: str) -> None:
        """Open a URL and wait until all of it has loaded."""
        async with self.loading():
            opened = await self.send("Page.navigate", url=url)
            assert "errorText" not in opened, opened

    async def evaluate(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript, as JSON has it; a promise's once it has one."""
        sent = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        result = await self.send("Runtime.evaluate", **sent)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def eventually(self, expression: str) -> Any:
        """Return the value of an expression once it is true."""
        async with asyncio.timeout(SECONDS):
            while not (value := await self.evaluate(expression)):
                await asyncio.sleep(0.02)
        return value

    async def press(self, *keys: str, shift: bool = False) -> None:
        """Press keys: `Tab`, `Enter`, and the like."""
        for key in keys:
            code, text = _KEYS[key]
            sent = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": code}
            modifiers = _SHIFT if shift else 0
            await self.send("Input.dispatchKeyEvent", type="keyDown", text=text, modifiers=modifiers, **sent)
            await self.send("Input.dispatchKeyEvent", type="keyUp", modifiers=modifiers, **sent)

    async def write(self, text: str) -> None:
        """Write text into the field that has the focus."""
        await self.send("Input.insertText", text=text)

    async def tab_to(self, name: str, tabs: int = 200) -> None:
        """Press Tab until the element with this accessible name has the focus."""
        seen: list[str] = []
        for _ in range(tabs):
            await self.press("Tab")
            seen.append(await self.focused())
            if seen[-1] == name:
                return
        raise AssertionError(f"{name!r} never has the focus: {seen}")

    async def focused(self) -> str:
        """Return the accessible name of the element that has the focus."""
        return next((_name(node) for node in await self.accessibility() if _is_focused(node)), "")

    async def accessibility(self) -> list[dict[str, Any]]:
        """Return the nodes that a screen reader knows, in the order of the page."""
        nodes: list[dict[str, Any]] = (await self.send("Accessibility.getFullAXTree"))["nodes"]
        return [node for node in nodes if not node["ignored"]]

    async def spoken(self) -> list[str]:
        """Return roles and names of all that a screen reader knows and that has a name."""
        return [f"{node['role']['value']} {_name(node)}" for node in await self.accessibility() if _name(node)]

    async def picture(self, quality: int = 80) -> bytes:
        """Return a picture of the whole page, as WebP."""
        sent = {"format": "webp", "quality": quality, "captureBeyondViewport": True}
        return base64.b64decode((await self.send("Page.captureScreenshot", **sent))["data"])

    async def overflow(self) -> int:
        """Return by how many pixels the page is wider than its window: it scrolls sideways if more than 0."""
        width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return int(await self.evaluate(width))

    async def cookies(self) -> list[dict[str, Any]]:
        """Return all cookies of this page's site."""
        cookies: list[dict[str, Any]] = (await self.send("Network.getCookies"))["cookies"]
        return cookies


def _name(node: Mapping[str, Any]) -> str:
    return str(node.get("name", {}).get("value", ""))


def _is_focused(node: Mapping[str, Any]) -> bool:
    is_root = node["role"]["value"] == "RootWebArea"
    return not is_root and any(
        each["name"] == "focused" and each["value"]["value"] for each in node.get("properties", ())
    )


@asynccontextmanager
async def chromium(profile: Path, *more: str) -> AsyncIterator[Chromium]:
    """Run a browser with a fresh profile in this folder, and with more options."""
    debian.install_packages(("chromium",))
    command = ("chromium", *OPTIONS, "--hide-scrollbars", "--remote-debugging-port=0", *more)
    with profile.with_suffix(".log").open("w") as log, _started(command, profile, log) as process:
        try:
            address = await _address(profile, process)
            async with ClientSession() as session, session.ws_connect(address, max_msg_size=_MAX_MESSAGE) as socket:
                browser = Chromium(socket)
                reading = asyncio.create_task(browser.read())
                yield browser
                await browser.send("Browser.close")
                await reading
        finally:
            process.terminate()


def _started(command: Sequence[str], profile: Path, log: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*command, f"--user-data-dir={profile}", "about:blank"], stdout=log, stderr=log)


async def _address(profile: Path, process: subprocess.Popen[bytes]) -> str:
    """Return the URL of the protocol, which the browser writes into its profile: a port and a path."""
    written = profile / "DevToolsActivePort"
    async with asyncio.timeout(SECONDS):
        while not written.exists() or written.read_text().count("\n") < 1:
            assert process.poll() is None, profile.with_suffix(".log").read_text()
            await asyncio.sleep(0.02)
    port, path = written.read_text().splitlines()
    return f"http://127.0.0.1:{port}{path}"
