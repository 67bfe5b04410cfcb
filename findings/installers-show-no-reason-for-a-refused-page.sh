#!/usr/bin/env bash
# pip 26.3, uv 0.13.9: a simple page that is 403, with the reason in the status line and in RFC 9457 problem details, is a
# project that does not exist.
#
# Expected: the reason, as `uv publish` shows it for uploads.
# Seen (2026-11-30): pip: "from versions: none"; the status line is shown with -vv. uv: "not found in the package registry",
# and a hint to check the credentials, which are right. An index that blocks a project by policy cannot tell why on its page.
#
# Needs Python 3.9 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9 pip==26.3
venv/bin/python - << 'PYTHON'
import http.server
import subprocess
import threading

REASON = "demo is blocked by policy 7"


class Index(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f'{{"title": "Forbidden", "status": 403, "detail": "{REASON}"}}'.encode()
        self.send_response(403, REASON)
        self.send_header("Content-Type", "application/problem+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def tried(command):
    url = f"http://127.0.0.1:{server.server_port}/simple/"
    done = subprocess.run([*command.split(), "--index-url", url], input="demo", capture_output=True, text=True, timeout=120)
    print(command.split()[0], done.returncode, done.stderr)
    return done.stdout + done.stderr


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
threading.Thread(target=server.serve_forever, daemon=True).start()
pip = "venv/bin/pip --isolated install --disable-pip-version-check --no-cache-dir --target there demo"
by_pip, in_detail = tried(pip), tried(f"{pip} -vv")
by_uv = tried("venv/bin/uv pip compile --no-config --no-cache -")
# ERROR: Could not find a version that satisfies the requirement demo (from versions: none)
# ... demo was not found in the package registry ...
# hint: An index (...) returned a 403 Forbidden error. Check that the index URL is correct and the credentials are valid.
assert "from versions: none" in by_pip and "403" not in by_pip, "pip says that the page is refused"
assert REASON in in_detail, "pip has no reason with -vv either"
assert "not found in the package registry" in by_uv and REASON not in by_uv, "uv says why the page is refused"
PYTHON
