"""Installs and uploads at a steady rate, until a file appears; prints what came of them.

It needs Python alone: it is run in a pod, by
`python3 - URL USER PASSWORD RATE STOP_FILE [SECONDS]`. The rate is of pages, files, metadata and
uploads a second; a file or its metadata takes two requests: its page is asked for first.
"""

import base64
import hashlib
import http.client
import io
import json
import pathlib
import re
import select
import sys
import threading
import time
import urllib.parse
import zipfile
from typing import Any

WORKERS = 12
UPLOADS_EACH = 40
"""One request of so many is an upload."""
MAX_SECONDS = "170"


class Client:
    """One connection, kept as pip and twine keep theirs: looked at before it is used again, and never retried."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._address = urllib.parse.urlsplit(url).netloc
        login = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {login}", "User-Agent": "load"}
        self._connection = http.client.HTTPConnection(self._address, timeout=30)
        self.requests = 0
        self.stale = False
        """Whether the last answer said that it may be older than the storage."""

    def __call__(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        self.requests += 1
        socket = self._connection.sock
        if socket and select.select([socket], [], [], 0)[0]:
            self._connection.close()
        try:
            self._connection.request(method, path, body or None, {**self._headers, **headers})
            response = self._connection.getresponse()
            self.stale = "ttl=-" in response.getheader("Cache-Status", "")
            return response.status, response.read()
        except Exception:
            self._connection.close()
            raise


def wheel(project: str, version: str) -> bytes:
    """Make a small right wheel."""
    place = f"{project}-{version}.dist-info"
    files = {
        f"{project}.py": b"",
        f"{place}/METADATA": f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n".encode(),
        f"{place}/WHEEL": b"Wheel-Version: 1.0\nGenerator: load\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        lines.append(f"{name},sha256={digest},{len(content)}\n")
    files[f"{place}/RECORD"] = ("".join(lines) + f"{place}/RECORD,,\n").encode()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        for name, content in files.items():
            made.writestr(zipfile.ZipInfo(name), content)  # which has no time of its own: always the same bytes
    return archive.getvalue()


def form(project: str, version: str) -> tuple[bytes, str]:
    """Return body and content type of an upload, as twine sends it."""
    content, boundary = wheel(project, version), "----load"
    fields = {
        ":action": "file_upload",
        "protocol_version": "1",
        "metadata_version": "2.1",
        "name": project,
        "version": version,
        "filetype": "bdist_wheel",
        "pyversion": "py3",
        "sha256_digest": hashlib.sha256(content).hexdigest(),
    }
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()
    ]
    name = f"{project}-{version}-py3-none-any.whl"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="content"; filename="{name}"\r\n\r\n'
    body = "".join(parts).encode() + head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


class Load:
    """What the workers do, and what came of it."""

    def __init__(self, client: tuple[str, str, str], rate: float, stop: pathlib.Path, most: float) -> None:
        self._client = client
        self._pause = WORKERS / rate
        self._stop = stop
        self._most = most
        self._lock = threading.Lock()
        self.requests = 0
        self.counts: dict[str, int] = {}
        self.failures: list[str] = []
        self.slowest = 0.0
        self.history: dict[int, dict[str, int]] = {}
        """By the second (since 1970) in which it began: how many of a kind, of `KIND failed`, of `KIND stale`."""

    def run(self) -> None:
        """Work until the stop file is there."""
        self._publish(Client(*self._client), "first", "1")
        ended = threading.Event()
        workers = [threading.Thread(target=self._work, args=(each, ended)) for each in range(WORKERS)]
        for worker in workers:
            worker.start()
        deadline = time.monotonic() + self._most
        while not self._stop.exists() and time.monotonic() < deadline:
            time.sleep(0.2)
        ended.set()
        for worker in workers:
            worker.join()

    def _work(self, number: int, ended: threading.Event) -> None:
        client, due, count = Client(*self._client), time.monotonic() + number * self._pause / WORKERS, 0
        while not ended.is_set():
            time.sleep(max(0.0, due - time.monotonic()))
            due, count, begun, second = due + self._pause, count + 1, time.monotonic(), int(time.time())
            kind = "upload" if count % UPLOADS_EACH == number else ("page", "file", "metadata")[count % 3]
            try:
                self._one(client, kind, f"{number}.{count}.{int(time.time())}")
                failure = ""
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the result
                failure = f"{time.strftime('%H:%M:%S')} {kind}: {error!r}"
            with self._lock:
                self.counts[kind] = self.counts.get(kind, 0) + 1
                counts = self.history.setdefault(second, {})
                for each in (kind, *([f"{kind} failed"] if failure else [f"{kind} stale"] if client.stale else [])):
                    counts[each] = counts.get(each, 0) + 1
                self.failures += [failure] if failure else []
                self.slowest = max(self.slowest, time.monotonic() - begun)
        with self._lock:
            self.requests += client.requests

    def _one(self, client: Client, kind: str, version: str) -> None:
        if kind == "upload":
            self._publish(client, "load", version)
            return
        page = _good(client("GET", "/simple/first/"))
        if kind == "page":
            return
        found = re.search(r'href="([^"#]+)#sha256=([0-9a-f]+)"', page.decode())
        if not found:
            raise ValueError(page.decode())
        path = urllib.parse.urljoin("/simple/first/", found[1])
        content = _good(client("GET", path + (".metadata" if kind == "metadata" else "")))
        if kind == "file" and hashlib.sha256(content).hexdigest() != found[2]:
            raise ValueError("other bytes")

    def _publish(self, client: Client, project: str, version: str) -> None:
        body, content_type = form(project, version)
        _good(client("POST", "/legacy/", body, **{"Content-Type": content_type}))


def _good(answer: tuple[int, bytes]) -> bytes:
    if answer[0] != http.HTTPStatus.OK:
        raise ValueError(f"{answer[0]} {answer[1][:200]!r}")
    return answer[1]


def main(url: str, user: str, password: str, rate: str, stop: str, most: str = MAX_SECONDS) -> dict[str, Any]:
    """Run the load."""
    load = Load((url, user, password), float(rate), pathlib.Path(stop), float(most))
    begun = time.monotonic()
    load.run()
    seconds = time.monotonic() - begun
    return {
        "counts": load.counts,
        "failures": load.failures[:20],
        "failed": len(load.failures),
        "seconds": round(seconds, 1),
        "requests": load.requests,
        "slowest": round(load.slowest, 2),
        "history": load.history,
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))  # noqa: T201
