"""A feed of made records over HTTP, as OSV's bucket is.

In `/PyPI/`, it has `all.zip`, `modified_id.csv` and `<ID>.json`. With `python -m support.osv_server
PORT`, it runs anywhere, with the records of `osv.odd_records`. A PUT of `<ID>.json` shows a record,
a DELETE takes it away.
"""

import hashlib
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support import osv

FOLDER = "/PyPI/"


class OsvServer:
    """Records, and the requests for them."""

    def __init__(self, port: int = 0, host: str = "127.0.0.1") -> None:
        self.records: dict[str, osv.OsvJson] = {}
        self.shown = datetime.now(UTC)
        """When the records last changed."""
        self.requests: list[str] = []
        """The paths of all requests so far, with their status."""
        self.has_listing = True
        self._http = ThreadingHTTPServer((host, port), self._handler())

    @property
    def host(self) -> str:
        """Return the host, with the port."""
        return f"{self._http.server_address[0]!s}:{self._http.server_address[1]}"

    @property
    def url(self) -> str:
        """Return the URL of the folder."""
        return f"http://{self.host}{FOLDER}"

    def show(self, *records: osv.OsvJson) -> None:
        """Show records, new ones or others than before."""
        self.records = {**self.records, **{each["id"]: each for each in records}}
        self.shown = datetime.now(UTC)

    def take_away(self, *identifiers: str) -> None:
        """Show some records no longer."""
        self.records = {id_: each for id_, each in self.records.items() if id_ not in identifiers}
        self.shown = datetime.now(UTC)

    def serve(self) -> None:
        """Serve until `close`."""
        self._http.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        """End serving."""
        self._http.shutdown()
        self._http.server_close()

    def part(self, name: str) -> bytes | None:
        """Return a file of the folder; None if there is none."""
        records = self.records
        if name == "all.zip":
            return osv.export(records.values())
        if name == "modified_id.csv":
            return osv.listing(records.values()) if self.has_listing else None
        found = records.get(name.removesuffix(".json"))
        return None if found is None else json.dumps(found).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        feed = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = feed.part(self.path.removeprefix(FOLDER))
                etag = f'"{hashlib.md5(body or b"", usedforsecurity=False).hexdigest()}"'
                if body is None:
                    self._answer(404, b"")
                elif self.headers.get("If-None-Match") == etag:
                    self._answer(304, None, etag)
                else:
                    self._answer(200, body, etag)

            def do_PUT(self) -> None:
                record = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                feed.show(record)
                self._answer(200, b"")

            def do_DELETE(self) -> None:
                feed.take_away(self.path.removeprefix(FOLDER).removesuffix(".json"))
                self._answer(200, b"")

            def _answer(self, status: int, body: bytes | None, etag: str = "") -> None:
                feed.requests.append(f"{status} {self.path.removeprefix(FOLDER)}")
                self.send_response(status)
                if etag:
                    self.send_header("ETag", etag)
                    self.send_header("Last-Modified", format_datetime(feed.shown, usegmt=True))
                if body is not None:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                del format, args

        return Handler


@contextmanager
def osv_server(*records: osv.OsvJson) -> Iterator[OsvServer]:
    """Run a feed with these records in a thread for as long as a block takes."""
    server = OsvServer()
    server.show(*records)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()


def main() -> None:
    """Run a feed with odd records at a port, for all hosts."""
    server = OsvServer(int(sys.argv[1]), "0.0.0.0")  # noqa: S104 - for the pods of a test cluster
    server.show(*osv.odd_records())
    server.serve()


if __name__ == "__main__":
    main()
