"""A browser's first visit to a page: everything that it loads, as it comes over the wire."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from bench.servers.base import Running
from bench.web import Client

AS_A_BROWSER = {
    "sec-ch-ua": '"Chromium";v="150", "Not A(Brand";v="99"',
    "sec-ch-ua-mobile": "?0",
    "sec-ch-ua-platform": '"Linux"',
    "Upgrade-Insecure-Requests": "1",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Sec-Fetch-Site": "none",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-User": "?1",
    "Sec-Fetch-Dest": "document",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "en-US,en;q=0.9",
}
"""What Chromium sends with a navigation over plain HTTP."""
_LOADED_LINKS = {"stylesheet", "icon", "preload", "modulepreload"}


@dataclass
class Visit:
    """What came over the wire, without headers."""

    page: int = 0
    """Bytes of the page itself."""
    bytes: int = 0
    scripts: int = 0
    """Bytes of scripts in files of their own."""
    requests: int = 1
    elsewhere: set[str] = field(default_factory=set)
    """URLs at other sites; they are not loaded here."""


class _Loaded(HTMLParser):
    """Finds what a page loads by itself; fonts and images that a stylesheet names are left out."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: dict[str, bool] = {}
        """Whether it is a script, by URL."""
        self.has_icon = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See `HTMLParser`."""
        found = {name: value or "" for name, value in attrs}
        kinds = set(found.get("rel", "").lower().split())
        if tag == "link" and kinds & _LOADED_LINKS:
            self.urls[found.get("href", "")] = False
            self.has_icon |= "icon" in kinds
        elif tag in ("script", "img", "iframe") and found.get("src"):
            self.urls[found["src"]] = tag == "script"


def visit(running: Running, path: str) -> Visit:
    """Load a page and all that belongs to it, as a browser that was never here."""
    with Client(running.url, AS_A_BROWSER) as client:
        answer = client.send("GET", path)
        if answer.status != 200:
            raise RuntimeError(f"GET {path}: {answer.status} {answer.body[:200]!r}")
        seen, loaded = Visit(page=len(answer.body), bytes=len(answer.body)), _Loaded()
        loaded.feed(client.get(path, Accept_Encoding="identity").decode())
        if not loaded.has_icon:
            loaded.urls["/favicon.ico"] = False
        for url, is_script in loaded.urls.items():
            _load(client, seen, urljoin(running.url + path, url), is_script=is_script)
    return seen


def _load(client: Client, seen: Visit, url: str, *, is_script: bool) -> None:
    place = urlsplit(url)
    if place.scheme == "data":
        return
    if place.hostname != "127.0.0.1":
        seen.elsewhere.add(url)
        return
    size = len(client.send("GET", place._replace(scheme="", netloc="").geturl()).body)
    seen.requests += 1
    seen.bytes += size
    seen.scripts += size if is_script else 0
