#!/usr/bin/env bash
# devpi-server 6.20.3: of a file's URL on the upstream's page, a mirror keeps only the path, and its last segment is the name.
#
# Expected: the URL is opaque. On JSON pages the name of the file is `filename` (PEP 691), and a query belongs to the URL, as
# in signed URLs.
# Seen (2026-11-30): the query is left out of the request, so a file that needs it is 404. A file whose path ends in something
# other than its name gets this as its name, and installers do not see it.
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
SIGNED, STORED = "demo-1.0-py3-none-any.whl", "demo-2.0-py3-none-any.whl"
requests = []


def found():
    urls = {SIGNED: f"{ROOT}/files/{SIGNED}?signature=abc", STORED: f"{ROOT}/objects/8f14e45f"}
    files = [{"filename": name, "url": url, "hashes": {"sha256": f"{name[5]}" * 64}} for name, url in urls.items()]
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


with devpi() as simple:
    _, page = get(f"{simple}demo/", JSON)
    files = json.loads(page)["files"]
    requests.clear()
    status, _ = get(urllib.parse.urljoin(f"{simple}demo/", files[0]["url"]))
names = [file["filename"] for file in files]
print(names, status, requests)
# ['demo-1.0-py3-none-any.whl', '8f14e45f'] 404 ['/files/demo-1.0-py3-none-any.whl']
assert names == [SIGNED, "8f14e45f"], "the names are those of the upstream's page"
assert status == 404 and requests == [f"/files/{SIGNED}"], "the query is sent"
PYTHON
