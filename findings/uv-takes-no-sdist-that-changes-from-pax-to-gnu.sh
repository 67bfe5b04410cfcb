#!/usr/bin/env bash
# uv 0.13.9 (PyPI: uv): a source distribution that begins with pax headers and goes on with GNU headers is refused.
#
# Expected: it is installed. GNU tar, Python's tarfile and pip read such archives; both kinds of header mark themselves.
# They come about where two archives become one: git and Python write pax headers, GNU tar by default its own, and
# `tar --concatenate` (the usual way to add submodules to what `git archive` makes) copies members as they are.
# Seen (2026-11-30): "Invalid tar file ... archive format changed from Pax to Gnu".
#
# Needs Python 3.9 or later, GNU tar. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9 setuptools==80.9.0
venv/bin/python - << 'PYTHON'
import gzip
import os
import subprocess
import tarfile
from pathlib import Path

LONG = "demo-1.0/" + "n" * 120 + ".txt"
PROJECT = """[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "demo"
version = "1.0"
[tool.setuptools]
py-modules = ["demo"]
"""

Path("demo-1.0").mkdir()
Path("demo-1.0/pyproject.toml").write_text(PROJECT)
Path("demo-1.0/PKG-INFO").write_text("Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n")
Path("demo-1.0/demo.py").touch()
Path(LONG).touch()
with tarfile.open("demo-1.0.tar", "w", format=tarfile.PAX_FORMAT) as archive:
    for name in ("pyproject.toml", "PKG-INFO", "demo.py"):
        os.utime(f"demo-1.0/{name}", (1.5, 1.5))  # a time with a fraction: that is what pax headers are for
        archive.add(f"demo-1.0/{name}")
subprocess.run(["tar", "--format=gnu", "--create", "--file", "more.tar", LONG], check=True)
subprocess.run(["tar", "--concatenate", "--file", "demo-1.0.tar", "more.tar"], check=True)
with tarfile.open("demo-1.0.tar") as archive:
    assert archive.getnames()[-1] == LONG
Path("demo-1.0.tar.gz").write_bytes(gzip.compress(Path("demo-1.0.tar").read_bytes()))

pip = "venv/bin/pip --isolated install --quiet --no-index --no-deps --no-build-isolation --target by-pip demo-1.0.tar.gz"
uv = "venv/bin/uv pip install --no-config --no-cache --no-index --no-deps --no-build-isolation --target by-uv demo-1.0.tar.gz"
by_pip = subprocess.run(pip.split(), capture_output=True, text=True, timeout=120)
by_uv = subprocess.run([*uv.split(), "--python", "venv/bin/python"], capture_output=True, text=True, timeout=120)
print("pip:", by_pip.returncode, "uv:", by_uv.returncode, by_uv.stderr.strip().splitlines()[-1])
# pip: 0 uv: 1 cause: archive format changed from Pax to Gnu
assert by_pip.returncode == 0, "pip does not install it"
assert "archive format changed from Pax to Gnu" in by_uv.stderr, "uv reads it"
PYTHON
