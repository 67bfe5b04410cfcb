#!/usr/bin/env bash
# pip 26.3 (PyPI: pip): a wheel in `pylock.toml` with a `name`, and a `url` whose path ends with something else, is "not a file";
# a file of a JSON page whose URL is of this kind is not found.
#
# Expected: PEP 751: `name` is required exactly if the URL does not end with the filename. PEP 691: `filename` is the filename.
# Seen (2026-11-30): pip goes by the last segment of the path and reads neither key. uv 0.13.9 installs the file from the page, and
# from the lock file that it writes itself.
#
# Needs Python 3.9 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9 pip==26.3 flit-core==3.12.0
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

NAME = "demo-1.0-py3-none-any.whl"
WHEEL = Path("dist", NAME).read_bytes()
JSON = "application/vnd.pypi.simple.v1+json"
FILE = {"filename": NAME, "url": "/download/7", "hashes": {"sha256": hashlib.sha256(WHEEL).hexdigest()}}
PAGE = {"meta": {"api-version": "1.0"}, "name": "demo", "files": [FILE]}
FOUND = {"/demo/": (JSON, json.dumps(PAGE).encode()), "/download/7": ("application/zip", WHEEL)}


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
url = f"http://127.0.0.1:{server.server_port}/"
UV = "venv/bin/uv pip {} --quiet --no-config --no-cache --preview --python venv/bin/python"
TOOLS = {"pip": "venv/bin/pip --isolated install --quiet --no-cache-dir", "uv": UV.format("install")}


def run(command):
    done = subprocess.run(command.split(), input="demo", capture_output=True, text=True, timeout=120)
    print(*command.split()[:2], done.returncode, done.stderr)
    return done.returncode, done.stderr


assert not run(f"{UV.format('compile')} --index-url {url} --output-file pylock.toml -")[0], "uv writes no lock file"
lock = Path("pylock.toml").read_text()
print(lock)
assert f'name = "{NAME}", url = "{url}download/7"' in lock, "the lock file has another URL"
sources = {"page": f"--index-url {url} demo", "lock": "-r pylock.toml"}
seen = {(tool, source): run(f"{command} --target {tool}-{source} {sources[source]}") for tool, command in TOOLS.items() for source in sources}
# pip: ERROR: Could not find a version that satisfies the requirement demo (from versions: none)
# pip: ERROR: Could not install locked package 'demo' from '...pylock.toml': not a file
assert not seen["uv", "page"][0] and not seen["uv", "lock"][0], "uv does not install the file"
assert "from versions: none" in seen["pip", "page"][1], "pip reads the filename of the page"
assert "not a file" in seen["pip", "lock"][1], "pip reads the name of the lock file"
PYTHON
