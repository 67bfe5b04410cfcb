#!/usr/bin/env bash
# micropip 0.7.2 (the installer of Pyodide; its choice of a wheel also runs in CPython): of several wheels of a version it
# takes the one that the index lists last, not the one whose tag fits best.
#
# Expected: the best tag of all compatible wheels, as pip does it, whatever their order on the page is.
# Seen (2026-11-30): the two wheels of one version listed in one order give one of them, in the other order the other.
# The page of an index, or a proxy that sorts it differently, so decides what runs.
#
# Needs Python 3.11 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check micropip==0.7.2
venv/bin/python - << 'PYTHON'
import json
import sys

from micropip.package_index import ProjectInfo
from micropip.transaction import find_wheel
from packaging.requirements import Requirement

BEST = f"demo-1.0-py3{sys.version_info.minor}-none-any.whl"
OTHER = "demo-1.0-py3-none-any.whl"


def chosen(*names):
    files = [{"filename": name, "url": f"https://files.example/{name}", "hashes": {"sha256": "0" * 64}} for name in names]
    page = {"meta": {"api-version": "1.1"}, "name": "demo", "versions": ["1.0"], "files": files}
    found = find_wheel(ProjectInfo.from_simple_json_api(json.dumps(page)), Requirement("demo")).filename
    print(names, "->", found)
    return found


# ('demo-1.0-py3-none-any.whl', 'demo-1.0-py311-none-any.whl') -> demo-1.0-py311-none-any.whl
# ('demo-1.0-py311-none-any.whl', 'demo-1.0-py3-none-any.whl') -> demo-1.0-py3-none-any.whl
assert chosen(OTHER, BEST) == BEST
assert chosen(BEST, OTHER) == OTHER, "micropip now takes the wheel with the best tag"
PYTHON
