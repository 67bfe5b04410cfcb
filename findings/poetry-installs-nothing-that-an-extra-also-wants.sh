#!/usr/bin/env bash
# Poetry 2.5.1 (PyPI: poetry): a dependency of a dependency whose marker is true without any extra is not installed if the marker
# names an extra: `python_version >= "3" or extra == "more"`, `extra != "more"`.
#
# Expected: the marker is evaluated, as pip 26.3 does: both are installed, with and without the extra or only without it.
# Seen (2026-11-30): the dependency is optional as soon as `extra` occurs in its marker, and `app` is installed without it. There
# is no warning, and the exit code is 0.
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
publish("always")
publish("without")
publish("app", 'always; python_version >= "3" or extra == "more"', 'without; extra != "more"')

Path("consumer").mkdir()
consumer = '[project]\nname = "consumer"\nversion = "1.0"\nrequires-python = ">=3.11,<4.0"\ndependencies = ["app"]\n'
source = f'[tool.poetry]\npackage-mode = false\n[[tool.poetry.source]]\nname = "index"\nurl = "{url}"\n'
Path("consumer", "pyproject.toml").write_text(consumer + source)
environ = {**os.environ, "HOME": os.getcwd(), "POETRY_VIRTUALENVS_IN_PROJECT": "true", "POETRY_VIRTUALENVS_CREATE": "true"}
by_poetry = run("../venv/bin/poetry install --no-interaction --no-cache", cwd="consumer", env=environ)
print("poetry", by_poetry.returncode, installed("consumer/.venv"), by_poetry.stderr)
by_pip = run(f"venv/bin/pip --isolated install --no-cache-dir --target there --index-url {url} app")
print("pip", by_pip.returncode, installed("there"))
# poetry 0 ['app']
# pip 0 ['always', 'app', 'without']
assert [by_pip.returncode, installed("there")] == [0, ["always", "app", "without"]], "pip does not evaluate the markers"
assert [by_poetry.returncode, installed("consumer/.venv")] == [0, ["app"]], "Poetry evaluates the markers, or fails"
PYTHON
