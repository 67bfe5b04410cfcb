#!/usr/bin/env bash
# uv 0.13.9 (PyPI: uv): a JSON page whose `hashes` have `blake2b`, in addition to `sha256`, is an error, and nothing of the project
# can be installed; the same for a `pylock.toml`.
#
# Expected: PEP 691 and PEP 751 take the names of hashes from Python's hashlib. `hashlib.blake2b()` has 512 bits.
# Seen (2026-11-30): "Invalid hash digest length (expected 64 hexadecimal characters, found 128)". uv goes by the 256 bits that
# PyPI's upload API calls `blake2_256_digest`. pip 26.3 checks the digest and installs both.
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
HASHES = {name: hashlib.new(name, WHEEL).hexdigest() for name in ("sha256", "blake2b")}
PAGE = {"meta": {"api-version": "1.0"}, "name": "demo", "files": [{"filename": NAME, "url": f"/{NAME}", "hashes": HASHES}]}
FOUND = {"/demo/": (JSON, json.dumps(PAGE).encode()), f"/{NAME}": ("application/zip", WHEEL)}


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
digests = ", ".join(f'{name} = "{digest}"' for name, digest in HASHES.items())
package = f'[[packages]]\nname = "demo"\nversion = "1.0"\nwheels = [{{ url = "{url}{NAME}", hashes = {{ {digests} }} }}]\n'
Path("pylock.toml").write_text('lock-version = "1.0"\ncreated-by = "-"\n' + package)
TOOLS = {
    "pip": "venv/bin/pip --isolated install --quiet --no-cache-dir",
    "uv": "venv/bin/uv pip install --quiet --no-config --no-cache --preview --python venv/bin/python",
}
seen = {}
for tool, command in TOOLS.items():
    for source in (f"--index-url {url} demo", "-r pylock.toml"):
        install = f"{command} --target there-{len(seen)} {source}"
        done = subprocess.run(install.split(), capture_output=True, text=True, timeout=120)
        seen[tool, source] = done.returncode, done.stderr
        print(tool, source, done.returncode, done.stderr)
# pip ... 0 (twice)
# uv ... 1 ... cause: Invalid hash digest length (expected 64 hexadecimal characters, found 128) (twice, 1 and 2)
for (tool, source), (code, error) in seen.items():
    refused = "expected 64 hexadecimal characters, found 128" in error
    assert (code == 0, refused) == ((True, False) if tool == "pip" else (False, True)), f"{tool} {source}: {code}"
PYTHON
