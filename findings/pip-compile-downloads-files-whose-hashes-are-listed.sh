#!/usr/bin/env bash
# pip-tools 7.6.2, `pip-compile --generate-hashes`: it does not use the hashes of the simple page. It asks for
# `PROJECT/json` next to the index's last path segment, and if that is 404, it downloads every file of the version.
#
# Expected: a simple page with a sha256 for each file is enough to write them down.
# Seen (2026-11-30): `GET /team/main/demo/json` for the index `/team/main/simple` (PyPI's own is `/pypi/demo/json`), then
# every wheel, those of other platforms too, and the file that was just downloaded once more. For a project with large
# wheels for many platforms that is gigabytes to write down what one page says. The lock is right in the end.
#
# Needs Python 3.9 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pip-tools==7.6.2 pip==26.3 flit-core==3.12.0
printf '[build-system]\nrequires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"\n' > pyproject.toml
printf '[project]\nname = "demo"\nversion = "1.0"\ndescription = "-"\nrequires-python = ">=3.9"\n' >> pyproject.toml
touch demo.py
venv/bin/python -m flit_core.wheel > log
venv/bin/python - << 'PYTHON'
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

NAMES = ["demo-1.0-py3-none-any.whl", "demo-1.0-cp312-cp312-win_amd64.whl", "demo-1.0-cp313-cp313-win_amd64.whl"]
for name in NAMES[1:]:  # what is in them does not matter: they are for another platform
    shutil.copy(f"dist/{NAMES[0]}", f"dist/{name}")
FILES = {f"/files/{name}": Path("dist", name).read_bytes() for name in NAMES}
LISTED = [
    {"filename": path.split("/")[-1], "url": path, "hashes": {"sha256": hashlib.sha256(body).hexdigest()}}
    for path, body in FILES.items()
]
PAGE = {"meta": {"api-version": "1.1"}, "name": "demo", "versions": ["1.0"], "files": LISTED}
requests = []


class Index(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        requests.append(self.path)
        page = json.dumps(PAGE).encode() if self.path == "/team/main/simple/demo/" else None
        body = page or FILES.get(self.path)
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", "application/vnd.pypi.simple.v1+json" if page else "application/zip")
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
threading.Thread(target=server.serve_forever, daemon=True).start()
Path("requirements.in").write_text("demo\n")
environ = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
command = "venv/bin/pip-compile --quiet --generate-hashes --strip-extras --cache-dir cache requirements.in --index-url".split()
url = f"http://127.0.0.1:{server.server_port}/team/main/simple"
subprocess.run([*command, url], env={**environ, "PIP_CONFIG_FILE": os.devnull}, check=True, timeout=200, capture_output=True)
print(*requests, sep="\n")
# /team/main/simple/demo/, /files/demo-1.0-py3-none-any.whl, /team/main/simple/demo/, /team/main/demo/json,
# then all three of /files/ in any order
lock = Path("requirements.txt").read_text()
assert all(file["hashes"]["sha256"] in lock for file in LISTED), "the lock lacks a hash"
assert "/team/main/demo/json" in requests, "pip-compile asks for another JSON page"
assert sorted(requests[-3:]) == sorted(FILES), "pip-compile takes hashes from the page"
PYTHON
