#!/usr/bin/env bash
# devpi-server 6.20.3 and proxpi 1.3.1: a project whose JSON page comes with a charset in its Content-Type has no files.
#
# Expected: a parameter after a media type does not change the type (RFC 9110); pip reads such a page. A page of a type
# that is not understood is an error.
# Seen (2026-11-30): both compare the whole header, read the JSON as HTML, find no link in it, and answer with a valid page
# without files (200). Installers say that the project has no versions, or take them from another index.
#
# Needs Python 3.11 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check devpi-server==6.20.3 proxpi==1.3.1
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
import urllib.request

JSON = "application/vnd.pypi.simple.v1+json"
NAME = "demo-1.0-py3-none-any.whl"
requests = []


def found():
    file = {"filename": NAME, "url": f"{ROOT}/{NAME}", "hashes": {"sha256": "0" * 64}}
    files = {"demo": JSON, "other": f"{JSON}; charset=utf-8"}
    pages = {
        f"/simple/{name}/": (of, json.dumps({"meta": {"api-version": "1.0"}, "name": name, "files": [file]}).encode())
        for name, of in files.items()
    }
    projects = {"meta": {"api-version": "1.0"}, "projects": [{"name": name} for name in files]}
    return {"/simple/": (JSON, json.dumps(projects).encode()), **pages}


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
def proxpi():
    port = free_port()
    environ = {**os.environ, "PROXPI_INDEX_URL": f"{ROOT}/simple/", "PROXPI_CACHE_DIR": "cache"}
    command = f"venv/bin/flask --app proxpi.server run --host 127.0.0.1 --port {port}".split()
    server = subprocess.Popen(command, env=environ, stdout=open("log", "w"), stderr=subprocess.STDOUT)
    try:
        ready(port)
        yield f"http://127.0.0.1:{port}/index/"
    finally:
        server.terminate()
        server.wait()


for mirror in (devpi, proxpi):
    with mirror() as simple:
        answers = [get(f"{simple}{name}/", JSON) for name in ("demo", "other")]
    seen = [(status, len(json.loads(page)["files"])) for status, page in answers]
    print(mirror.__name__, seen)
    assert seen == [(200, 1), (200, 0)], "a charset is handled differently"
# devpi [(200, 1), (200, 0)]
# proxpi [(200, 1), (200, 0)]
PYTHON
