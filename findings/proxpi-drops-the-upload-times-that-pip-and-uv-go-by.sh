#!/usr/bin/env bash
# proxpi 1.3.1 before pip 26.3 or uv 0.13.9: pages that come through the proxy have no `upload-time`, `size`, `versions` and
# `provenance`, even if the upstream's have; so nothing can be installed by date.
#
# Expected: a cache hands on what it does not need itself.
# Seen (2026-11-30): pip --uploaded-prior-to fails for the whole index ("does not provide upload-time metadata"), uv
# --exclude-newer finds no version of a project that is eleven months old. Directly from the upstream, both install it.
#
# Needs Python 3.9 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check proxpi==1.3.1 pip==26.3 uv==0.13.9 flit-core==3.12.0
printf '[build-system]\nrequires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"\n' > pyproject.toml
printf '[project]\nname = "demo"\nversion = "1.0"\ndescription = "-"\nrequires-python = ">=3.9"\n' >> pyproject.toml
touch demo.py
venv/bin/python -m flit_core.wheel > log
venv/bin/python - << 'PYTHON'
import contextlib
import hashlib
import http.server
import json
import os
import socket
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

NAME = "demo-1.0-py3-none-any.whl"
WHEEL = Path("dist", NAME).read_bytes()
FILE = {"filename": NAME, "url": f"/{NAME}", "hashes": {"sha256": hashlib.sha256(WHEEL).hexdigest()}, "size": len(WHEEL)}
FILE |= {"upload-time": "2026-01-01T00:00:00.000000Z", "provenance": "https://index.example/provenance"}
JSON = "application/vnd.pypi.simple.v1+json"
PAGE = {"meta": {"api-version": "1.3"}, "name": "demo", "versions": ["1.0"], "files": [FILE]}
FOUND = dict.fromkeys(["/simple/demo", "/simple/demo/"], (JSON, json.dumps(PAGE).encode()))
FOUND[f"/{NAME}"] = ("application/zip", WHEEL)


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
direct, proxied = f"http://127.0.0.1:{upstream.server_port}/simple/", f"http://127.0.0.1:{port}/index/"
environ = {**os.environ, "PROXPI_INDEX_URL": direct, "PROXPI_CACHE_DIR": "cache"}
command = f"venv/bin/flask --app proxpi.server run --host 127.0.0.1 --port {port}".split()
proxy = subprocess.Popen(command, env=environ, stdout=open("log", "w"), stderr=subprocess.STDOUT)
PIP = "venv/bin/pip --isolated install --quiet --no-cache-dir --uploaded-prior-to 2026-06-01"
UV = "venv/bin/uv pip install --quiet --no-config --no-cache --python venv/bin/python --exclude-newer 2026-06-01"
seen = {}
try:
    ready(port)
    with urllib.request.urlopen(urllib.request.Request(f"{proxied}demo/", headers={"Accept": JSON}), timeout=60) as answer:
        page = json.load(answer)
    keys = {*page, *page["files"][0]}
    print("keys through the proxy:", sorted(keys))
    for tool in (PIP, UV):
        for url in (direct, proxied):
            install = f"{tool} --target there-{len(seen)} --index-url {url} demo".split()
            done = subprocess.run(install, capture_output=True, text=True, timeout=120)
            seen[tool, url] = done.returncode
            print(install[0], "proxy" if url == proxied else "direct", done.returncode, done.stderr.strip())
finally:
    proxy.terminate()
    proxy.wait()
# keys through the proxy: ['filename', 'files', 'hashes', 'meta', 'name', 'url']
# ERROR: Index http://127.0.0.1:.../index/demo/ does not provide upload-time metadata.
# error: No solution found ... `demo` was filtered by `exclude-newer` to only include packages uploaded before ...
assert not keys & {"upload-time", "size", "versions", "provenance"}, "proxpi hands on more keys"
assert [seen[PIP, direct], seen[UV, direct]] == [0, 0], "the upstream's page is not read"
assert seen[PIP, proxied] and seen[UV, proxied], "files of unknown age are installed"
PYTHON
