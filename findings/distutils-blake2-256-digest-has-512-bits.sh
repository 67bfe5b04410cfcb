#!/usr/bin/env bash
# CPython 3.9 to 3.11 (seen with 3.11.7), `upload` of distutils: the field `blake2_256_digest` of the upload form has 512 bits.
#
# Expected: 64 hex digits, BLAKE2b with a digest of 32 bytes, as twine sends it and as the field is named.
# Seen (2026-11-30): 128 hex digits, BLAKE2b with its longest digest. An index that checks the digests of a form has to know
# it, or refuses every upload of old release scripts. (Python 3.8 sends no such field, 3.12 has no distutils.)
#
# Needs a python3 of version 3.9, 3.10 or 3.11. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/python - << 'PYTHON'
import http.server
import os
import re
import subprocess
import sys
import threading
from hashlib import blake2b
from pathlib import Path

forms = []


class Index(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        forms.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


if not (3, 9) <= sys.version_info < (3, 12):
    raise SystemExit("Not run: this needs a python3 of version 3.9, 3.10 or 3.11, which has distutils.")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/legacy/"
Path(".pypirc").write_text(f"[distutils]\nindex-servers = x\n[x]\nrepository = {url}\nusername = u\npassword = p\n")
Path("setup.py").write_text("from distutils.core import setup\nsetup(name='demo', version='1.0', py_modules=['demo'])\n")
Path("demo.py").touch()
command = [sys.executable, "-W", "ignore", "setup.py", "--quiet", "sdist", "upload", "--repository", "x"]
subprocess.run(command, env={**os.environ, "HOME": os.getcwd()}, check=True, capture_output=True, timeout=60)
(sent,) = re.findall(rb'name="blake2_256_digest"\r\n\r\n([0-9a-f]*)\r\n', forms[0])
(body,) = Path("dist").glob("*.tar.gz")
print("bits:", len(sent) * 4)
# bits: 512
assert sent.decode() == blake2b(body.read_bytes()).hexdigest(), "the digest is another one"
assert len(sent) * 4 == 512
PYTHON
