#!/usr/bin/env bash
# simple-repository-server 0.10.0: as a proxy it hands on the API version of the upstream's page, and leaves out what this
# version is about.
#
# Expected: a page of version 1.4 has the `project-status` of PEP 792, if the upstream's page has it; a server that does not
# know the key says that its pages are of an older version.
# Seen (2026-11-30): `api-version` 1.4 without `project-status`, so an archived project counts as an active one. The
# `provenance` of version 1.3 is left out too; `upload-time` and `size` stay.
#
# Needs Python 3.11 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check simple-repository-server==0.10.0
venv/bin/python - << 'PYTHON'
import contextlib
import http.server
import json
import socket
import subprocess
import threading
import time
import urllib.request

NAME = "demo-1.0-py3-none-any.whl"
FILE = {"filename": NAME, "url": f"/{NAME}", "hashes": {"sha256": "0" * 64}, "size": 1000}
FILE |= {"upload-time": "2026-01-01T00:00:00.000000Z", "provenance": "https://index.example/provenance"}
PAGE = {"meta": {"api-version": "1.4"}, "name": "demo", "versions": ["1.0"], "files": [FILE]}
PAGE |= {"project-status": {"status": "archived", "reason": "use demo2"}}
JSON = "application/vnd.pypi.simple.v1+json"
FOUND = {"/simple/demo/": (JSON, json.dumps(PAGE).encode())}


class Upstream(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        content_type, body = FOUND.get(self.path, ("text/plain", b""))
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ready(port):
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    raise SystemExit("the server does not start")


upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
threading.Thread(target=upstream.serve_forever, daemon=True).start()

port = free_port()
command = ["venv/bin/simple-repository-server", "--host", "127.0.0.1", "--port", str(port)]
proxy = subprocess.Popen(
    [*command, f"http://127.0.0.1:{upstream.server_port}/simple/"], stdout=open("log", "w"), stderr=subprocess.STDOUT
)
try:
    ready(port)
    request = urllib.request.Request(f"http://127.0.0.1:{port}/simple/demo/", headers={"Accept": JSON})
    with urllib.request.urlopen(request, timeout=60) as answer:
        page = json.load(answer)
finally:
    proxy.terminate()
    proxy.wait()
(file,) = page["files"]
print(page["meta"], "keys of the page:", sorted(page), "keys of the file:", sorted(file))
# {'api-version': '1.4'} keys of the page: ['files', 'meta', 'name', 'versions']
# keys of the file: ['core-metadata', 'filename', 'hashes', 'size', 'upload-time', 'url']
assert page["meta"]["api-version"] == "1.4", "the version of the upstream is not handed on"
assert "project-status" not in page and "provenance" not in file, "what the upstream says of the project is handed on"
assert {"size", "upload-time"} <= set(file)
PYTHON
