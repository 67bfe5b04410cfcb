#!/usr/bin/env bash
# proxpi 1.3.1, simple-repository-server 0.10.0 and devpi-server 6.20.3: relative links of HTML pages with `<base>`.
#
# Expected: `<base href="/files/">` decides what a relative link is relative to, as HTML has it, and as pip and uv have it.
# Seen (2026-11-30): proxpi and simple-repository-server do not read it: the page lists the file, and its download is 404
# or 500. devpi reads it, but does not join it with the page's URL: the project has no files (200). If `href` has
# a host, devpi works.
#
# Needs Python 3.11 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check devpi-server==6.20.3 proxpi==1.3.1 simple-repository-server==0.10.0
venv/bin/python - << 'PYTHON'
import base64
import contextlib
import http.server
import json
import os
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

JSON = "application/vnd.pypi.simple.v1+json"
NAME = "demo-1.0-py3-none-any.whl"
requests = []


def found():
    link = f'<a href="{NAME}#sha256={"0" * 64}">{NAME}</a>'
    page = f'<!DOCTYPE html><html><head><base href="/files/"><title>demo</title></head><body>{link}</body></html>'
    projects = b'<!DOCTYPE html><html><body><a href="demo/">demo</a></body></html>'
    pages = {"/simple/": ("text/html", projects), "/simple/demo/": ("text/html", page.encode())}
    return {**pages, f"/files/{NAME}": ("application/octet-stream", b"wheel")}


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
    for _ in range(3000):
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


def send(url, method, body, **headers):
    data, headers = json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=60) as answer:
        return json.load(answer)


@contextlib.contextmanager
def devpi(*options, **settings):
    """Run a server with one mirror of the upstream; give the URL of its pages."""
    initial = "venv/bin/devpi-init --serverdir server --no-root-pypi --root-passwd secret".split()
    subprocess.run(initial, check=True, capture_output=True)
    port = free_port()
    command = f"venv/bin/devpi-server --serverdir server --host 127.0.0.1 --port {port}".split()
    server = subprocess.Popen([*command, *options], stdout=open("log", "w"), stderr=subprocess.STDOUT)
    try:
        ready(port)
        url = f"http://127.0.0.1:{port}"
        login = send(f"{url}/+login", "POST", {"user": "root", "password": "secret"})["result"]["password"]
        token = base64.b64encode(f"root:{login}".encode()).decode()
        mirror = {"type": "mirror", "mirror_url": f"{ROOT}/simple/", "mirror_no_project_list": True, **settings}
        send(f"{url}/root/main", "PUT", mirror, **{"X-Devpi-Auth": token})
        yield f"{url}/root/main/+simple/"
    finally:
        server.terminate()
        server.wait()



@contextlib.contextmanager
def proxy(command, path, **environ):
    port = free_port()
    full = [f"venv/bin/{command[0]}", *command[1:], "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(full, env={**os.environ, **environ}, stdout=open("log", "w"), stderr=subprocess.STDOUT)
    try:
        ready(port)
        yield f"http://127.0.0.1:{port}{path}"
    finally:
        server.terminate()
        server.wait()


flask = ["flask", "--app", "proxpi.server", "run"]
mirrors = {
    "proxpi": proxy(flask, "/index/", PROXPI_INDEX_URL=f"{ROOT}/simple/", PROXPI_CACHE_DIR="cache"),
    "simple-repository-server": proxy(["simple-repository-server", f"{ROOT}/simple/"], "/simple/"),
    "devpi": devpi(),
}
seen = {}
for name, mirror in mirrors.items():
    with mirror as simple:
        status, page = get(f"{simple}demo/", JSON)
        urls = [urllib.parse.urljoin(f"{simple}demo/", file["url"]) for file in json.loads(page)["files"]]
        requests.clear()
        seen[name] = status, [get(url)[0] for url in urls], sorted({path for path in requests if NAME in path})
    print(name, *seen[name])
# proxpi 200 [404] ['/simple/demo/demo-1.0-py3-none-any.whl']
# simple-repository-server 200 [500] ['/simple/demo/demo-1.0-py3-none-any.whl']
# devpi 200 [] []
assert seen["proxpi"] == (200, [404], [f"/simple/demo/{NAME}"]), "proxpi reads the base"
assert seen["simple-repository-server"] == (200, [500], [f"/simple/demo/{NAME}"]), "simple-repository-server reads the base"
assert seen["devpi"] == (200, [], []), "devpi joins the base"
PYTHON
