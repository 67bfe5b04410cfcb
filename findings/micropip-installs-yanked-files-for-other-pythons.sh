#!/usr/bin/env bash
# micropip 0.7.2 (the installer of Pyodide; its choice of a wheel also runs in CPython): `yanked` and `requires-python` of
# a simple page are not read.
#
# Expected: of demo 1.0, 2.0 (yanked) and 3.0 (for Python 99) the requirement `demo` is 1.0, as for pip and uv.
# Seen (2026-11-30): 3.0; and 2.0 if there is no 3.0. A release that was yanked goes on being installed in browsers.
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

from micropip.package_index import ProjectInfo
from micropip.transaction import find_wheel
from packaging.requirements import Requirement


def file(version, **more):
    name = f"demo-{version}-py3-none-any.whl"
    return {"filename": name, "url": f"https://files.example/{name}", "hashes": {"sha256": "0" * 64}, **more}


def chosen(*files):
    page = {"meta": {"api-version": "1.1"}, "name": "demo", "versions": ["1.0", "2.0", "3.0"], "files": files}
    return str(find_wheel(ProjectInfo.from_simple_json_api(json.dumps(page)), Requirement("demo")).version)


good, yanked, unfit = file("1.0"), file("2.0", yanked="broken"), file("3.0", **{"requires-python": ">=99"})
print("1.0 and 2.0 (yanked):", chosen(good, yanked))
print("1.0 and 3.0 (for Python 99):", chosen(good, unfit))
# 1.0 and 2.0 (yanked): 2.0
# 1.0 and 3.0 (for Python 99): 3.0
assert chosen(good, yanked) == "2.0", "micropip reads yanked"
assert chosen(good, unfit) == "3.0", "micropip reads requires-python"
PYTHON
