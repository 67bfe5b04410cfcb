#!/usr/bin/env bash
# uv 0.13.9 (PyPI: uv): a page or file that is 503 is asked for again; an upload that is 503 is not.
#
# Expected: the same patience with both: the answer has a Retry-After, and twine repeats the upload.
# Seen (2026-11-30): one POST, exit code 2, whatever UV_HTTP_RETRIES says. twine 7.0.0 sends the file a second time.
# An index that is restarted while projects release fails the releases of those who use uv.
#
# Needs Python 3.9 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9 twine==7.0.0 flit-core==3.12.0
printf '[build-system]\nrequires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"\n' > pyproject.toml
printf '[project]\nname = "demo"\nversion = "1.0"\ndescription = "-"\nrequires-python = ">=3.9"\n' >> pyproject.toml
touch demo.py
venv/bin/python -m flit_core.wheel > log
venv/bin/python - << 'PYTHON'
import http.server
import os
import subprocess
import threading

requests = []


class Index(http.server.BaseHTTPRequestHandler):
    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        requests.append(self.command)
        self.send_response(503 if len(requests) == 1 else 200)
        self.send_header("Retry-After", "1")
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


def count(command):
    requests.clear()
    done = subprocess.run(
        command.split(), input="demo", env={**os.environ, "UV_HTTP_RETRIES": "3"}, capture_output=True, text=True, timeout=120
    )
    print(command.split()[:2], requests, "exit code", done.returncode)
    return len(requests)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
login = "--username u --password p dist/demo-1.0-py3-none-any.whl"
read = count(f"venv/bin/uv pip compile - --no-config --no-cache --index-url {url}/simple/")
uv = count(f"venv/bin/uv publish --no-config --trusted-publishing never --publish-url {url}/ {login}")
twine = count(f"venv/bin/twine upload --non-interactive --config-file /dev/null --repository-url {url}/ {login}")
# ['venv/bin/uv', 'pip'] ['GET', 'GET'] exit code 1 (the page is empty)
# ['venv/bin/uv', 'publish'] ['POST'] exit code 2
# ['venv/bin/twine', 'upload'] ['POST', 'POST'] exit code 0
assert read == 2 and twine == 2, "reads or twine's uploads are repeated differently"
assert uv == 1, "uv publish repeats an upload"
PYTHON
