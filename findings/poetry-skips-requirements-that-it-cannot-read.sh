#!/usr/bin/env bash
# Poetry 2.5.1 (PyPI: poetry): a dependency on `demo===2.0` is not installed, and one whose marker has the value on the left
# (`"3.9" > python_version`) always is; the exit code is 0.
#
# Expected: PEP 440 has `===`, and the grammar of markers takes a variable on either side. A tool that does not know them fails.
# Seen (2026-11-30): two warnings between the others, "Invalid requirement (...), skipping" and "Stripping invalid marker (...)";
# `poetry.lock` is written and installed without the one and with the other. pip 26.3 and uv 0.13.9 read both. In the
# `pyproject.toml` of the project itself, `===` is an error.
#
# Needs Python 3.11 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check poetry==2.5.1 pip==26.3 flit-core==3.12.0
venv/bin/python - << 'PYTHON'
import functools
import http.server
import json
import os
import subprocess
import threading
from pathlib import Path

BUILD = '[build-system]\nrequires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"\n'


def run(command, **options):
    return subprocess.run(command.split(), capture_output=True, text=True, timeout=120, **options)


def publish(name, *requires):
    """Put a wheel into the folder of its project; the server's listing of this folder is the simple page."""
    folder = Path("sources", name)
    folder.mkdir(parents=True)
    (folder / f"{name}.py").touch()
    project = f'[project]\nname = "{name}"\nversion = "1.0"\ndescription = "-"\ndependencies = {json.dumps(requires)}\n'
    (folder / "pyproject.toml").write_text(project + BUILD)
    run(f"venv/bin/python -m flit_core.wheel {folder} --outdir index/{name}", check=True)


class Index(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def installed(folder):
    return sorted(path.name.split("-")[0] for path in Path(folder).rglob("*-1.0.dist-info"))


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Index, directory="index"))
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"
publish("demo")
publish("old")
publish("app", "demo===1.0", 'old; "3.9" > python_version')

Path("consumer").mkdir()
consumer = '[project]\nname = "consumer"\nversion = "1.0"\nrequires-python = ">=3.11,<4.0"\ndependencies = ["app"]\n'
source = f'[tool.poetry]\npackage-mode = false\n[[tool.poetry.source]]\nname = "index"\nurl = "{url}"\n'
Path("consumer", "pyproject.toml").write_text(consumer + source)
environ = {**os.environ, "HOME": os.getcwd(), "POETRY_VIRTUALENVS_IN_PROJECT": "true", "POETRY_VIRTUALENVS_CREATE": "true"}
by_poetry = run("../venv/bin/poetry install --no-interaction --no-cache", cwd="consumer", env=environ)
print("poetry", by_poetry.returncode, installed("consumer/.venv"), by_poetry.stderr)
by_pip = run(f"venv/bin/pip --isolated install --no-cache-dir --target there --index-url {url} app")
print("pip", by_pip.returncode, installed("there"))
# poetry 0 ['app', 'old'] ... Stripping invalid marker (old; "3.9" > python_version) found in app-1.0 dependencies
#     Invalid requirement (demo===1.0) found in app-1.0 dependencies, skipping
# pip 0 ['app', 'demo']
assert [by_pip.returncode, installed("there")] == [0, ["app", "demo"]], "pip does not read the requirements"
assert [by_poetry.returncode, installed("consumer/.venv")] == [0, ["app", "old"]], "Poetry reads the requirements, or fails"
PYTHON
