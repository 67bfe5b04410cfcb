#!/usr/bin/env bash
# pip 26.3 (PyPI: pip): a `pylock.toml` whose `hashes` have `blake3` in addition to `sha256` is an error, and nothing is installed.
#
# Expected: PEP 751 asks for one hash of `hashlib.algorithms_guaranteed` and leaves the others open. pip checks the one that it
# knows, as it does if the same hashes are on a JSON page.
# Seen (2026-11-30): "Unknown hash name: blake3" for the lock file; the page is installed. uv 0.13.9 installs both.
#
# Needs Python 3.9 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9 pip==26.3 blake3==1.0.8 flit-core==3.12.0
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

import blake3

NAME = "demo-1.0-py3-none-any.whl"
WHEEL = Path("dist", NAME).read_bytes()
JSON = "application/vnd.pypi.simple.v1+json"
HASHES = {"sha256": hashlib.sha256(WHEEL).hexdigest(), "blake3": blake3.blake3(WHEEL).hexdigest()}
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
        seen[tool, source.split()[0]] = done.returncode, done.stderr
        print(tool, source, done.returncode, done.stderr)
# pip --index-url ... 0, uv --index-url ... 0, uv -r pylock.toml 0
# pip -r pylock.toml 1 ... ERROR: Unknown hash name: blake3
code, error = seen.pop(("pip", "-r"))
assert code and "Unknown hash name: blake3" in error, "pip takes the lock file"
assert not any(code for code, _ in seen.values()), "the page is refused, or uv refuses the lock file"
PYTHON
