#!/usr/bin/env bash
# pip 26.3, uv 0.13.9: simple pages whose API version is 2.0 are read as if they were 1.x.
#
# Expected: "clients MUST fail" (simple repository API, versioning): a new major version means that old clients may not
# understand the page. pypi-simple 1.8.0 refuses both pages below, and names the version.
# Seen (2026-11-30): pip and uv install from them without a word, HTML and JSON. An index cannot keep old clients away by
# the version; it has to refuse their Accept header.
#
# Needs Python 3.9 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9 pip==26.3 pypi-simple==1.8.0 flit-core==3.12.0
printf '[build-system]\nrequires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"\n' > pyproject.toml
printf '[project]\nname = "demo"\nversion = "1.0"\ndescription = "-"\nrequires-python = ">=3.9"\n' >> pyproject.toml
touch demo.py
venv/bin/python -m flit_core.wheel > log
venv/bin/python - << 'PYTHON'
import hashlib
import http.server
import json
import subprocess
import threading
from pathlib import Path

import pypi_simple

NAME = "demo-1.0-py3-none-any.whl"
WHEEL = Path("dist", NAME).read_bytes()
SHA256 = hashlib.sha256(WHEEL).hexdigest()
FILE = {"filename": NAME, "url": f"/{NAME}", "hashes": {"sha256": SHA256}}
JSON = {"meta": {"api-version": "2.0"}, "name": "demo", "versions": ["1.0"], "files": [FILE]}
HTML = '<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="2.0"></head>'
HTML += f'<body><a href="/{NAME}#sha256={SHA256}">{NAME}</a></body></html>'
FOUND = {
    "/json/demo/": ("application/vnd.pypi.simple.v1+json", json.dumps(JSON).encode()),
    "/html/demo/": ("text/html", HTML.encode()),
    f"/{NAME}": ("application/zip", WHEEL),
}


class Index(http.server.BaseHTTPRequestHandler):
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


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
threading.Thread(target=server.serve_forever, daemon=True).start()
PIP = "venv/bin/pip --isolated install --quiet --disable-pip-version-check --no-cache-dir"
UV = "venv/bin/uv pip install --quiet --no-config --no-cache --python venv/bin/python"
for kind in ("json", "html"):
    url = f"http://127.0.0.1:{server.server_port}/{kind}/"
    for tool in (PIP, UV):
        command = f"{tool} --target {kind}-{tool[9:11]} --index-url {url} demo".split()
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        print(kind, command[0], "exit code", done.returncode, done.stdout + done.stderr)
        assert done.returncode == 0, "the installer looks at the version"
    try:
        pypi_simple.PyPISimple(url).get_project_page("demo")
        raise SystemExit("pypi-simple reads the page")
    except pypi_simple.UnsupportedRepoVersionError as error:
        print(kind, "pypi-simple", error)
# json venv/bin/pip exit code 0, json venv/bin/uv exit code 0, the same for html
# pypi-simple Repository's version (2.0) has greater major component than supported version (1.4)
PYTHON
