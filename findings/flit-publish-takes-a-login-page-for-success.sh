#!/usr/bin/env bash
# flit 4.2.0, `flit publish`: an upload that is answered with a redirect to a login page counts as published.
#
# Expected: an error, as from twine, poetry and hatch: after a 302 the form is not sent again.
# Seen (2026-11-30): `POST /legacy/` (302), `GET /login` (200), then "Package is at https://.../project/demo/" and exit code 0.
# The index is asked over http and has no such page; nothing was published. Proxies with single sign-on answer like this to
# any client without a session.
#
# Needs Python 3.9 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check flit==4.2.0
venv/bin/python - << 'PYTHON'
import http.server
import os
import subprocess
import threading
from pathlib import Path

requests = []


class Proxy(http.server.BaseHTTPRequestHandler):
    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        requests.append(f"{self.command} {self.path}")
        login = self.path == "/login"
        body = b"<!DOCTYPE html><title>Log in</title>" if login else b""
        self.send_response(200 if login else 302)
        if not login:
            self.send_header("Location", "/login")
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


Path("pyproject.toml").write_text("""[build-system]
requires = ["flit_core"]
build-backend = "flit_core.buildapi"
[project]
name = "demo"
version = "1.0"
description = "-"
""")
Path("demo.py").touch()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
threading.Thread(target=server.serve_forever, daemon=True).start()
login = {"FLIT_INDEX_URL": f"http://127.0.0.1:{server.server_port}/legacy/", "FLIT_USERNAME": "u", "FLIT_PASSWORD": "p"}
command = "venv/bin/flit publish --no-use-vcs --format wheel".split()
done = subprocess.run(command, env={**os.environ, "HOME": os.getcwd(), **login}, capture_output=True, text=True, timeout=60)
said = (done.stdout + done.stderr).strip().splitlines()[-1]
print(requests, "exit code", done.returncode, said)
# ['POST /legacy/', 'GET /login'] exit code 0 Package is at https://127.0.0.1:.../project/demo/
assert requests == ["POST /legacy/", "GET /login"], "flit follows redirects differently"
assert done.returncode == 0 and "Package is at https://127.0.0.1" in said, "flit sees that nothing was published"
PYTHON
