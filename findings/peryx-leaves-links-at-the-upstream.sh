#!/usr/bin/env bash
# peryx 2026.1010.0: pages of a cached index lead to the upstream for provenance, and for files without a SHA-256 digest.
#
# Expected: as for other files, the URLs are of peryx. Clients reach the proxy, and not necessarily what is behind it.
# Seen (2026-11-30): `provenance` is the upstream's URL, also for a file that peryx has. A file that the page lists with
# another digest (here SHA-512, which PEP 691 allows) has the upstream's `url`. Both need a direct way to the upstream, and if
# it needs a login, the client's own.
#
# Needs Python 3.11 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check peryx==2026.1010.0
venv/bin/python - << 'PYTHON'
import contextlib
import http.server
import json
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

JSON = "application/vnd.pypi.simple.v1+json"
requests = []


def found():
    files = [
        {
            "filename": f"demo-{version}-py3-none-any.whl",
            "url": f"{ROOT}/files/demo-{version}-py3-none-any.whl",
            "hashes": hashes,
            "provenance": f"{ROOT}/provenance/{version}",
        }
        for version, hashes in (("1.0", {"sha256": "0" * 64}), ("2.0", {"sha512": "0" * 128}))
    ]
    page = {"meta": {"api-version": "1.0"}, "name": "demo", "files": files}
    return {"/simple/demo/": (JSON, json.dumps(page).encode())}


class Upstream(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        requests.append(self.path)
        content_type, body = found().get(self.path, ("text/plain", b""))
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

with open("peryx.toml", "w") as configuration:
    configuration.write('[[index]]\nname = "main"\nroute = "main"\n')
    configuration.write(f'[[index.upstream]]\nname = "other"\nurl = "{ROOT}/simple/"\n')
port = free_port()
command = f"venv/bin/peryx serve --config peryx.toml --host 127.0.0.1 --port {port} --data-dir data".split()
proxy = subprocess.Popen(command, stdout=open("log", "w"), stderr=subprocess.STDOUT)
try:
    ready(port)
    status, page = get(f"http://127.0.0.1:{port}/main/simple/demo/", JSON)
finally:
    proxy.terminate()
    proxy.wait()
assert status == 200, page
known, unknown = json.loads(page)["files"]
for file in (known, unknown):
    print(*(f"{key} {file[key].replace(ROOT, 'UPSTREAM')}" for key in ("url", "provenance")))
# url /main/files/000.../demo-1.0-py3-none-any.whl provenance UPSTREAM/provenance/1.0
# url UPSTREAM/files/demo-2.0-py3-none-any.whl provenance UPSTREAM/provenance/2.0
assert known["url"].startswith("/main/files/"), "the URL of a file with SHA-256 is not rewritten"
assert known["provenance"] == f"{ROOT}/provenance/1.0", "provenance is handled differently"
assert unknown["url"] == f"{ROOT}/files/demo-2.0-py3-none-any.whl", "a file without SHA-256 is handled differently"
PYTHON
