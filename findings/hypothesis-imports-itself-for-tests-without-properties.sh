#!/usr/bin/env bash
# hypothesis 6.170.15, its plugin for pytest (PyPI: hypothesis): at its end, a run of tests without any property imports
# all of hypothesis.
#
# Expected: the plugin's entry point is a small module of its own that imports nothing of hypothesis, so that tests without
# properties do not pay for it; this holds until the last test has ended.
# Seen (2026-11-30): at the terminal summary the plugin imports hypothesis to ask for failing examples. One empty test
# takes about half a second longer. If the plugin is unregistered after the collection, nothing is imported.
#
# Needs Python 3.10 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check hypothesis==6.170.15 pytest==9.2.0
cat > test_nothing.py << 'PYTHON'
import sys


def test_nothing():
    assert "hypothesis" not in sys.modules
PYTHON
cat > conftest.py << 'PYTHON'
import atexit
import os
import sys


def pytest_collection_finish(session):
    if os.environ.get("WITHOUT"):
        session.config.pluginmanager.unregister(name="hypothesispytest")


def say():
    print("imported:", "hypothesis" in sys.modules and sum(name.startswith("hypothesis") for name in sys.modules))


atexit.register(say)
PYTHON
venv/bin/pytest -q > with
WITHOUT=1 venv/bin/pytest -q > without
echo "with the plugin:    $(grep passed with | cut -d' ' -f1-2), modules of hypothesis at the end: $(sed -n 's/^imported: //p' with)"
echo "without the plugin: $(grep passed without | cut -d' ' -f1-2), modules of hypothesis at the end: $(sed -n 's/^imported: //p' without)"
# with the plugin:    1 passed, modules of hypothesis at the end: 60 (or another number)
# without the plugin: 1 passed, modules of hypothesis at the end: False
[ "$(sed -n 's/^imported: //p' with)" != False ] && [ "$(sed -n 's/^imported: //p' without)" = False ]
