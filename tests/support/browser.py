"""A real browser: Debian's Chromium opens a page of a site of our own, and the page says what it has found."""

import queue
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cluster import debian

SECONDS = 120
"""Until a page must have said something."""
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_TYPES: Mapping[str, str] = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm"}


class Site:
    """A web site on this machine, whose files are in a folder; its pages `POST` what they have found to /result."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._found: queue.Queue[str] = queue.Queue()
        found = self._found

        class Handler(SimpleHTTPRequestHandler):
            def __init__(self, *arguments: object) -> None:
                self.extensions_map = {**self.extensions_map, **_TYPES}
                super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

            def do_POST(self) -> None:
                found.put(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://localhost:{self.server.server_port}"

    def said(self, path: str, profile: Path) -> str:
        """Open a page in a fresh browser, and return what it says."""
        debian.install_packages(("chromium",))
        command = ["chromium", *OPTIONS, f"--user-data-dir={profile}", f"{self.origin}{path}"]
        log = profile.with_suffix(".log")
        with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output) as browser:
            try:
                return self._found.get(timeout=SECONDS)
            except queue.Empty:
                raise AssertionError(f"the page said nothing: {log.read_text()}") from None
            finally:
                browser.terminate()


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """Serve a site."""
    made = Site(folder)
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        thread.join()
        made.server.server_close()
