#!/usr/bin/env bash
# devpi-server 6.20.3: with `mirror_provides_core_metadata`, a mirror announces metadata for every wheel, and pip fails on
# wheels whose upstream has none.
#
# Expected: the option lets the mirror hand on what the upstream's page announces, file by file. Even on large indexes, old
# wheels have no metadata.
# Seen (2026-11-30): all wheels have `core-metadata: true` (the upstream's digest is lost), and the metadata of a wheel that
# devpi does not have yet is requested at the upstream: 404. pip stops there. Once a client without PEP 658 has
# downloaded the wheel, devpi extracts its metadata, and it works.
#
# Needs Python 3.11 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check devpi-server==6.20.3
venv/bin/python - << 'PYTHON'
import base64
import contextlib
import hashlib
import http.server
import io
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile

JSON = "application/vnd.pypi.simple.v1+json"
NAME = "demo-1.0-py3-none-any.whl"
requests = []


def wheel(name, version):
    info, made = f"{name}-{version}.dist-info", io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return made.getvalue()


WHEEL = wheel("demo", "1.0")


def found():
    file = {"filename": NAME, "url": f"{ROOT}/{NAME}", "hashes": {"sha256": hashlib.sha256(WHEEL).hexdigest()}}
    page = {"meta": {"api-version": "1.0"}, "name": "demo", "files": [file]}
    return {"/simple/demo/": (JSON, json.dumps(page).encode()), f"/{NAME}": ("application/octet-stream", WHEEL)}


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


with devpi("--enable-core-metadata", mirror_provides_core_metadata=True) as simple:
    _, page = get(f"{simple}demo/", JSON)
    (file,) = json.loads(page)["files"]
    wheel_url = urllib.parse.urljoin(f"{simple}demo/", file["url"])
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps", "--no-cache-dir"]
    pip += ["--index-url", simple, "--dest", "downloaded", "demo"]
    before, error = get(f"{wheel_url}.metadata")[0], subprocess.run(pip, capture_output=True, text=True)
    assert get(wheel_url) == (200, WHEEL)
    for _ in range(600):
        if (after := get(f"{wheel_url}.metadata")[0]) == 200:
            break
        time.sleep(0.1)
    success = subprocess.run(pip, capture_output=True, text=True)
print("announced:", file["core-metadata"], "before the download:", before, "after it:", after)
print("pip:", error.returncode, success.returncode, error.stderr.splitlines()[-1].partition(" for url")[0])
# announced: True before the download: 404 after it: 200
# pip: 1 0 ERROR: 404 Client Error: Not Found
assert file["core-metadata"] is True and before == 404, "devpi announces what the upstream has"
assert error.returncode == 1 and "404" in error.stderr, "pip goes on without the metadata"
assert after == 200 and success.returncode == 0, success.stderr
PYTHON
