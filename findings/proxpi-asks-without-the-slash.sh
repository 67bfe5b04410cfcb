#!/usr/bin/env bash
# proxpi 1.3.1: the first project page is asked for without the slash at its end; where an index has no such URL, the whole
# list of projects is downloaded before the page.
#
# Expected: `/simple/demo/`: all pages end with a slash (PEP 503), and an index should, but need not, redirect to them. Static
# ones do not.
# Seen (2026-11-30): `/simple/demo` (404), `/simple/`, `/simple/demo/`. An index with a large list, or one that forbids
# listing, is slow or out of reach for a proxy that only wanted one page. Later projects of the list are asked for at once;
# a project that came after the list was read does not exist until the proxy reads it again (30 minutes).
#
# Needs Python 3.9 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check proxpi==1.3.1
venv/bin/python - << 'PYTHON'
import contextlib
import http.server
import json
import os
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

JSON = "application/vnd.pypi.simple.v1+json"
requests = []
projects = ["demo", "other"]


class Upstream(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        requests.append(self.path)
        pages = {f"/simple/{name}/": {"name": name, "files": [], "versions": []} for name in projects}
        page = {"/simple/": {"projects": [{"name": name} for name in projects]}, **pages}.get(self.path)
        body = json.dumps({"meta": {"api-version": "1.1"}, **page}).encode() if page else b""
        self.send_response(200 if page else 404)
        self.send_header("Content-Type", JSON)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
threading.Thread(target=upstream.serve_forever, daemon=True).start()
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
environ = {**os.environ, "PROXPI_INDEX_URL": f"http://127.0.0.1:{upstream.server_port}/simple/", "PROXPI_CACHE_DIR": "cache"}
command = f"venv/bin/flask --app proxpi.server run --host 127.0.0.1 --port {port}".split()
proxy = subprocess.Popen(command, env=environ, stdout=open("log", "w"), stderr=subprocess.STDOUT)


def page(name):
    requests.clear()
    try:
        url = f"http://127.0.0.1:{port}/index/{name}/"
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": JSON}), timeout=60) as answer:
            status = answer.status
    except urllib.error.HTTPError as error:
        status = error.code
    print(name, status, requests)
    return status, requests.copy()


try:
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            break
        time.sleep(0.1)
    first, second = page("demo"), page("other")
    projects.append("new")
    third = page("new")
finally:
    proxy.terminate()
    proxy.wait()
# demo 200 ['/simple/demo', '/simple/', '/simple/demo/']
# other 200 ['/simple/other/']
# new 404 []
assert first == (200, ["/simple/demo", "/simple/", "/simple/demo/"]), "proxpi asks for other URLs"
assert second == (200, ["/simple/other/"]) and third == (404, []), "proxpi goes by the list differently"
PYTHON
