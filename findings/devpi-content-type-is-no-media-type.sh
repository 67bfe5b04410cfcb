#!/usr/bin/env bash
# devpi-server 6.20.3: who asks for a simple page as `application/vnd.pypi.simple.v1+html`, the name of the HTML format in
# the specification, gets it with `Content-Type: text_html`, which is no media type at all.
#
# Expected: `application/vnd.pypi.simple.v1+html` or `text/html`.
# Seen (2026-11-30): `text_html`, for that name and for any other that is not `text/html` or the JSON format, also for types
# that cannot be served, as `image/png` (200 instead of 406). With `text/html` or `*/*` the header is right.
#
# Needs Python 3.9 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check devpi-server==6.20.3 'setuptools<81' twine==7.0.0 flit-core==3.12.0
printf '[build-system]\nrequires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"\n' > pyproject.toml
printf '[project]\nname = "demo"\nversion = "1.0"\ndescription = "-"\nrequires-python = ">=3.9"\n' >> pyproject.toml
touch demo.py
venv/bin/python -m flit_core.wheel > log
venv/bin/python - << 'PYTHON'
import base64
import contextlib
import json
import socket
import subprocess
import time
import urllib.request

log = open("log", "w")
init = "venv/bin/devpi-init --serverdir data --no-root-pypi"
subprocess.run(init.split(), check=True, stdout=log, stderr=log, timeout=120)
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
url = f"http://127.0.0.1:{port}"


def ask(method, path, body=None, **headers):
    data = json.dumps(body).encode() if body else None
    headers = {"Content-Type": "application/json", **headers}
    request = urllib.request.Request(f"{url}{path}", method=method, data=data, headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.status, answer.headers["Content-Type"], answer.read()


HTML = "application/vnd.pypi.simple.v1+html"
server = subprocess.Popen(
    f"venv/bin/devpi-server --serverdir data --host 127.0.0.1 --port {port}".split(), stdout=log, stderr=log
)
seen = {}
try:
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            break
        time.sleep(0.1)
    ask("PUT", "/team", {"password": "password"})
    _, _, login = ask("POST", "/+login", {"user": "team", "password": "password"})
    token = base64.b64encode(f"team:{json.loads(login)['result']['password']}".encode()).decode()
    ask("PUT", "/team/index", {"type": "stage", "bases": []}, **{"X-Devpi-Auth": token})
    upload = "venv/bin/twine upload --non-interactive --config-file /dev/null --username team --password password"
    command = [*upload.split(), "--repository-url", f"{url}/team/index/", "dist/demo-1.0-py3-none-any.whl"]
    subprocess.run(command, check=True, stdout=log, stderr=log, timeout=120)
    for accept in ("text/html", "*/*", HTML, "image/png"):
        status, content_type, body = ask("GET", "/team/index/+simple/demo/", Accept=accept)
        seen[accept] = (status, content_type)
        print(accept, "->", status, content_type)
        assert b"demo-1.0-py3-none-any.whl</a>" in body
finally:
    server.terminate()
    server.wait()
# text/html -> 200 text/html; charset=UTF-8
# */* -> 200 text/html; charset=UTF-8
# application/vnd.pypi.simple.v1+html -> 200 text_html
# image/png -> 200 text_html
assert seen["text/html"] == seen["*/*"] == (200, "text/html; charset=UTF-8"), "devpi's usual type is another one"
assert seen[HTML] == seen["image/png"] == (200, "text_html"), "devpi names the HTML format"
PYTHON
