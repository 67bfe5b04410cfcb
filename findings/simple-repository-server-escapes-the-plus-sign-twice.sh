#!/usr/bin/env bash
# simple-repository-server 0.10.0: no file of a local version can be had through it.
#
# Expected: a file whose URL on the upstream's page has `%2B` (the plus sign of `demo-1.0+local`) is requested at this URL.
# Seen (2026-11-30): the percent sign is encoded once more: `%252B`. The upstream has no such file (404), and the client gets
# 500. If the page has a bare plus sign, which a path may have, too, the file is found. Other files are found.
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
import urllib.error
import urllib.parse
import urllib.request

JSON = "application/vnd.pypi.simple.v1+json"
ENCODED, BARE = "demo-1.0%2Blocal-py3-none-any.whl", "demo-2.0+local-py3-none-any.whl"
requests = []


def found():
    files = [
        {"filename": path.replace("%2B", "+"), "url": f"{ROOT}/files/{path}", "hashes": {"sha256": "0" * 64}}
        for path in (ENCODED, BARE)
    ]
    page = {"meta": {"api-version": "1.0"}, "name": "demo", "files": files}
    wheels = {f"/files/{file['filename']}": ("application/octet-stream", b"wheel") for file in files}
    return {"/simple/demo/": (JSON, json.dumps(page).encode()), **wheels}


class Upstream(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        requests.append(self.path)
        content_type, body = found().get(urllib.parse.unquote(self.path), ("text/plain", b""))
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


def get(url, accept="*/*"):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": accept}), timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
threading.Thread(target=upstream.serve_forever, daemon=True).start()
ROOT = f"http://127.0.0.1:{upstream.server_port}"

port = free_port()
command = ["venv/bin/simple-repository-server", "--host", "127.0.0.1", "--port", str(port), "--stream-http-resources"]
proxy = subprocess.Popen([*command, f"{ROOT}/simple/"], stdout=open("log", "w"), stderr=subprocess.STDOUT)
try:
    ready(port)
    seen = {}
    for version in ("1.0", "2.0"):
        requests.clear()
        status, _ = get(f"http://127.0.0.1:{port}/resources/demo/demo-{version}+local-py3-none-any.whl")
        seen[version] = status, {path for path in requests if path.startswith("/files/")}
finally:
    proxy.terminate()
    proxy.wait()
for version, answer in seen.items():
    print(version, *answer)
# 1.0 500 {'/files/demo-1.0%252Blocal-py3-none-any.whl'}
# 2.0 200 {'/files/demo-2.0%2Blocal-py3-none-any.whl'}
assert seen["1.0"] == (500, {"/files/demo-1.0%252Blocal-py3-none-any.whl"}), "an encoded plus sign is handled differently"
assert seen["2.0"] == (200, {"/files/demo-2.0%2Blocal-py3-none-any.whl"}), "a bare plus sign is handled differently"
PYTHON
