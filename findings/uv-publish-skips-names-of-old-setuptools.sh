#!/usr/bin/env bash
# uv 0.13.9 (PyPI: uv), `uv publish`: a source distribution whose filename is not normalized is skipped, and that is success.
#
# Expected: the file is uploaded, as twine does it (PyPI and other indexes hold many such files), or an error.
# Seen (2026-11-30): a warning, no request to the index, exit code 0. With --quiet there is not even the warning.
# A release job of a project that is built by an older setuptools stays green and releases nothing.
#
# Needs Python 3.9 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
python3 -m venv "$home/venv"
"$home/venv/bin/pip" install --quiet --disable-pip-version-check uv==0.13.9 setuptools==68.2.2
cd "$home"
printf 'from setuptools import setup\nsetup(name="My.Demo", version="1.0")\n' > setup.py
"$home/venv/bin/python" setup.py --quiet sdist > "$home/log" 2>&1
"$home/venv/bin/python" - << 'PYTHON'
import http.server
import subprocess
import threading

uploads = []


class Index(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        uploads.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
threading.Thread(target=server.serve_forever, daemon=True).start()
command = ["venv/bin/uv", "publish", "--no-config", "--trusted-publishing", "never", "--username", "u", "--password", "p"]
command += ["--publish-url", f"http://127.0.0.1:{server.server_port}/legacy/"]
for option in ([], ["--quiet"]):
    done = subprocess.run([*command, *option, "dist/My.Demo-1.0.tar.gz"], capture_output=True, text=True, timeout=60)
    print("options:", option, "exit code:", done.returncode, "uploads:", len(uploads), "output:", done.stderr.strip())
    assert done.returncode == 0 and not uploads, "uv no longer skips the file"
    assert ("non-normalized" in done.stderr) is (not option), "uv says something else"
# options: [] exit code: 0 uploads: 0 output: ...
# warning: `My.Demo-1.0.tar.gz` has a non-normalized filename (expected `my_demo-1.0.tar.gz`), skipping
# options: ['--quiet'] exit code: 0 uploads: 0 output:
PYTHON
