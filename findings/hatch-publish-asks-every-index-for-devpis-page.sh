#!/usr/bin/env bash
# hatch 1.18.2, `hatch publish` to any index but PyPI: it first asks for `+simple/PROJECT/` below the upload URL, which is
# devpi's page, and goes by the filenames in it.
#
# Expected: an upload is a POST to the URL that was given (and no other request), and the index decides.
# Seen (2026-11-30): `GET /legacy/%2Bsimple/demo/` with the login. If that answers with a page that lists the filename, the
# file is "already exists", the exit code is 0, and nothing is sent, although the page has another sha256 for it.
# Any other answer (404, 401) is taken for an empty page.
#
# Needs Python 3.9 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check hatch==1.18.2 flit-core==3.12.0
printf '[build-system]\nrequires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"\n' > pyproject.toml
printf '[project]\nname = "demo"\nversion = "1.0"\ndescription = "-"\nrequires-python = ">=3.9"\n' >> pyproject.toml
touch demo.py
venv/bin/python -m flit_core.wheel > log
venv/bin/python - << 'PYTHON'
import http.server
import os
import subprocess
import threading

NAME = "demo-1.0-py3-none-any.whl"
OTHER = f'<!DOCTYPE html><html><body><a href="/{NAME}#sha256={"0" * 64}">{NAME}</a></body></html>'.encode()
requests = []


class Index(http.server.BaseHTTPRequestHandler):
    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        requests.append(f"{self.command} {self.path}")
        found = self.command == "POST" or self.path.startswith("/devpi/")
        body = OTHER if found and self.command == "GET" else b""
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


open("hatch.toml", "w").close()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
threading.Thread(target=server.serve_forever, daemon=True).start()
environ = {**os.environ, "HATCH_CONFIG": "hatch.toml", "HATCH_DATA_DIR": "data", "HATCH_CACHE_DIR": "cache"}
seen = {}
for path in ("/legacy/", "/devpi/"):
    requests.clear()
    url = f"http://127.0.0.1:{server.server_port}{path}"
    command = ["venv/bin/hatch", "publish", "--no-prompt", "--user", "user", "--auth", "password", "--repo", url, f"dist/{NAME}"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120)
    seen[path] = requests.copy()
    print(path, requests, "exit code", done.returncode, done.stdout.split() + done.stderr.split())
    assert done.returncode == 0, done.stderr
    assert ("already exists" in done.stdout + done.stderr) is (path == "/devpi/"), "hatch says something else"
# /legacy/ ['GET /legacy/%2Bsimple/demo/', 'POST /legacy/'] exit code 0
# /devpi/ ['GET /devpi/%2Bsimple/demo/'] exit code 0 ... already exists
assert seen["/legacy/"] == ["GET /legacy/%2Bsimple/demo/", "POST /legacy/"], "hatch asks for other pages"
assert seen["/devpi/"] == ["GET /devpi/%2Bsimple/demo/"], "hatch compares more than the filename"
PYTHON
