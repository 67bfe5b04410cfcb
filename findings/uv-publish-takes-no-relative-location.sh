#!/usr/bin/env bash
# uv 0.13.9 (PyPI: uv): a redirect to a path is followed on reads; on `uv publish` only a redirect to a whole URL is.
#
# Expected: RFC 9110 allows a relative Location for any method: `uv publish` follows both kinds of redirect, or neither.
# Seen (2026-11-30): 308 with a whole URL: the file is uploaded there. 308 with a path, which a server sends that does not
# know under which name it is reached: "location header is not a URL", and nothing is uploaded.
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

requests = []


class Index(http.server.BaseHTTPRequestHandler):
    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        requests.append(f"{self.command} {self.path}")
        here = f"http://{self.headers['Host']}"
        location = {"/whole": f"{here}/there/", "/path": "/there/", "/simple/demo/": "/there/"}.get(self.path)
        self.send_response(308 if location else 200)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


def uv(*arguments):
    requests.clear()
    done = subprocess.run(
        ["venv/bin/uv", *arguments], input="demo", capture_output=True, text=True, timeout=60
    )
    print(arguments[0], requests, "exit code", done.returncode, done.stderr.strip().splitlines()[-2:])
    return requests.copy(), done.stderr


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
read, _ = uv("pip", "compile", "-", "--no-config", "--no-cache", "--index-url", f"{url}/simple/")
publish = "publish --no-config --trusted-publishing never --username u --password p --publish-url".split()
whole, _ = uv(*publish, f"{url}/whole", "dist/demo-1.0-py3-none-any.whl")
path, error = uv(*publish, f"{url}/path", "dist/demo-1.0-py3-none-any.whl")
# pip ['GET /simple/demo/', 'GET /there/'] exit code 1 (there is an empty page)
# publish ['POST /whole', 'POST /there/'] exit code 0
# publish ['POST /path'] exit code 2: Request was redirected, but location header is not a URL
assert read[-1] == "GET /there/" and whole[-1] == "POST /there/", "uv follows redirects differently"
assert path == ["POST /path"] and "location header is not a URL" in error, "uv publish takes a relative Location"
PYTHON
