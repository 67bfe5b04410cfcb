#!/usr/bin/env bash
# uv 0.13.9 (PyPI: uv), `uv publish`: RFC 9457 problem details are only read if the Content-Type has no parameter.
#
# Expected: `application/problem+json; charset=utf-8` is the same media type as `application/problem+json`.
# Seen (2026-11-30): without the parameter the user reads the title and the detail, with it the raw JSON. Many web
# frameworks add the parameter, so an index may send good reasons that uv does not show.
#
# Needs Python 3.9 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9 flit-core==3.12.0
printf '[build-system]\nrequires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"\n' > pyproject.toml
printf '[project]\nname = "demo"\nversion = "1.0"\ndescription = "-"\nrequires-python = ">=3.9"\n' >> pyproject.toml
touch demo.py
venv/bin/python -m flit_core.wheel > log
venv/bin/python - << 'PYTHON'
import http.server
import subprocess
import threading

TYPES = {"/plain/": "application/problem+json", "/charset/": "application/problem+json; charset=utf-8"}


class Index(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"title": "Forbidden", "status": 403, "detail": "demo 1.0 is frozen"}'
        self.send_response(403)
        self.send_header("Content-Type", TYPES[self.path])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
threading.Thread(target=server.serve_forever, daemon=True).start()
command = "venv/bin/uv publish --no-config --trusted-publishing never --username u --password p --publish-url".split()
seen = {}
for path, content_type in TYPES.items():
    url = f"http://127.0.0.1:{server.server_port}{path}"
    done = subprocess.run(
        [*command, url, "dist/demo-1.0-py3-none-any.whl"], capture_output=True, text=True, timeout=60
    )
    seen[path] = done.stderr.strip().splitlines()[-1]
    print(content_type, "->", seen[path])
# application/problem+json -> cause: Server returned status code 403 Forbidden.
#   Server message: Forbidden, demo 1.0 is frozen
# application/problem+json; charset=utf-8 -> cause: Server returned status code 403 Forbidden.
#   Server says: {"title": "Forbidden", "status": 403, "detail": "demo 1.0 is frozen"}
assert seen["/plain/"].endswith("Server message: Forbidden, demo 1.0 is frozen"), "problem details are shown differently"
assert '"detail": "demo 1.0 is frozen"' in seen["/charset/"], "the parameter makes no difference any more"
PYTHON
