#!/usr/bin/env bash
# bandersnatch 6.8.0, `bandersnatch mirror` with `api-method = simple`: an index whose JSON list of projects has no
# `_last-serial` is mirrored as an empty index.
#
# Expected: `_last-serial` is an extension of PyPI (keys that begin with an underscore are private, PEP 691); a mirror without
# it has to copy everything, or to fail.
# Seen (2026-11-30): a warning "Skipping malformed project entry" for each project, an index of no projects is written, and
# the exit code is 0, even with `stop-on-error = true`.
#
# Needs Python 3.11 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check bandersnatch==6.8.0
venv/bin/python - << 'PYTHON'
import http.server
import json
import subprocess
import threading
from pathlib import Path

requests = []


class Index(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        requests.append(self.path)
        found = self.path.rstrip("/") == "/simple"
        page = {"meta": {"api-version": "1.1"}, "projects": [{"name": "demo"}]} if found else {}
        body = json.dumps(page).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/vnd.pypi.simple.v1+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
threading.Thread(target=server.serve_forever, daemon=True).start()
settings = {
    "directory": "mirror",
    "master": f"http://127.0.0.1:{server.server_port}",
    "allow-non-https": "true",
    "api-method": "simple",
    "stop-on-error": "true",
    "workers": "1",
}
Path("mirror.conf").write_text("[mirror]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
command = ["venv/bin/bandersnatch", "--config", "mirror.conf", "mirror"]
done = subprocess.run(command, capture_output=True, text=True, timeout=120)
listed = json.loads(Path("mirror/web/simple/index.v1_json").read_text())["projects"]
print("asked for:", requests, "mirrored:", listed, "exit code:", done.returncode)
print(*(line for line in done.stderr.splitlines() if "malformed" in line))
# asked for: ['/simple'] mirrored: [] exit code: 0
# ... WARNING: Skipping malformed project entry in simple index: {'name': 'demo'} (master.py:228)
assert done.returncode == 0 and listed == [] and len(requests) == 1, "bandersnatch fails, or mirrors without serials"
PYTHON
