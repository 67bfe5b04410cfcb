#!/usr/bin/env bash
# dep-logic 0.7.2 (PyPI: dep-logic; the version ranges of PDM): `!=1.0` excludes 1.0.post1 and 1.0rc1, too, and `!=1.*` excludes
# 2.0a1.
#
# Expected: PEP 440: `!=1.0` excludes 1.0 alone; packaging 26.4 says so, too.
# Seen (2026-11-30): the range is kept as `<1.0 || >1.0` and asked with the rules of `<` and `>` in PEP 440, which leave out the
# pre-releases and post-releases of the version they name. The range is printed as `!=1.0`, so this cannot be seen.
#
# Needs Python 3.10 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check dep-logic==0.7.2 packaging==26.4
venv/bin/python - << 'PYTHON'
from dep_logic.specifiers import parse_version_specifier
from packaging.specifiers import SpecifierSet

VERSIONS = {"!=1.0": ["1.0rc1", "1.0.post1"], "!=1.*": ["2.0a1"]}
for text, versions in VERSIONS.items():
    ours, theirs = parse_version_specifier(text), SpecifierSet(text)
    print(f"{ours}: {versions}")
    assert str(ours) == text, "the range is printed as it is kept"
    assert all(theirs.contains(version, prereleases=True) for version in versions), "packaging agrees with dep-logic"
    assert not any(ours.contains(version, prereleases=True) for version in versions), "dep-logic excludes one version only"
# !=1.0: ['1.0rc1', '1.0.post1']
# !=1.*: ['2.0a1']
PYTHON
