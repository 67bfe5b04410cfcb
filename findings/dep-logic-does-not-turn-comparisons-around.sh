#!/usr/bin/env bash
# dep-logic 0.7.2 (PyPI: dep-logic; the markers of PDM): `"3.9" <= python_version` is false for Python 3.11, although
# `python_version >= "3.9"` is true.
#
# Expected: the grammar of markers takes a variable on either side, and packaging 26.4 evaluates both alike.
# Seen (2026-11-30): the operator is kept and the sides change places: `"3.12" > python_full_version` is evaluated as
# `python_full_version > "3.12"`. The marker is printed as it was written, so this cannot be seen.
#
# Needs Python 3.10 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check dep-logic==0.7.2 packaging==26.4
venv/bin/python - << 'PYTHON'
from dep_logic.markers import parse_marker
from packaging.markers import Marker

PYTHON = {"python_version": "3.11", "python_full_version": "3.11.7"}
PAIRS = {
    'python_version >= "3.9"': '"3.9" <= python_version',
    'python_full_version < "3.12"': '"3.12" > python_full_version',
}
for usual, turned in PAIRS.items():
    for text in (usual, turned):
        marker = parse_marker(text)
        ours, theirs = marker.evaluate(PYTHON), Marker(text).evaluate(PYTHON)
        print(f"{text:30} dep-logic: {ours}, packaging: {theirs}")
        assert str(marker) == text and theirs, "the marker is changed, or packaging agrees with dep-logic"
        assert ours == (text == usual), "dep-logic turns the comparison around"
# python_version >= "3.9"        dep-logic: True, packaging: True
# "3.9" <= python_version        dep-logic: False, packaging: True
# python_full_version < "3.12"   dep-logic: True, packaging: True
# "3.12" > python_full_version   dep-logic: False, packaging: True
PYTHON
