#!/usr/bin/env bash
# pip 26.3 (PyPI: pip): with `--platform manylinux_2_28_x86_64` only wheels of exactly this tag are found, none of an older
# glibc; with `--platform manylinux2014_x86_64` those of manylinux2010 and manylinux1 are.
#
# Expected: PEP 600: a platform that takes manylinux_2_28 takes every manylinux_2_x with a smaller x, too; a pip that runs
# on such a machine installs them, and for the names before PEP 600 `--platform` includes the older ones.
# Seen (2026-11-30): "No matching distribution found" for msgpack 1.1.1, whose wheel for x86_64 has the tags manylinux_2_17
# and manylinux2014. With manylinux2014_x86_64 the wheel of MarkupSafe 1.1.1 is found, which is of manylinux2010.
# `--platform` may be given several times: each tag has to be named.
#
# Needs Python 3.9 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pip==26.3
found() {  # found REQUIREMENT PYTHON PLATFORM...: print the wheel, or "none"
  local options=() each
  for each in "${@:3}"; do options+=(--platform "$each"); done
  rm -rf files
  if venv/bin/pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version "$2" \
    --implementation cp "${options[@]}" --dest files "$1" > log 2>&1; then
    ls files
  else
    grep -q "No matching distribution found" log && echo none
  fi
}
newer=$(found msgpack==1.1.1 3.11 manylinux_2_28_x86_64)
both=$(found msgpack==1.1.1 3.11 manylinux_2_28_x86_64 manylinux_2_17_x86_64)
named=$(found markupsafe==1.1.1 3.8 manylinux2014_x86_64)
echo "manylinux_2_28:                 $newer"
echo "manylinux_2_28, manylinux_2_17: $both"
echo "manylinux2014:                  $named"
# manylinux_2_28:                 none
# manylinux_2_28, manylinux_2_17: msgpack-1.1.1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl
# manylinux2014:                  MarkupSafe-1.1.1-cp38-cp38-manylinux2010_x86_64.whl
[ "$newer" = none ] && [[ "$both" == msgpack-* ]] && [[ "$named" == *manylinux1_x86_64.whl || "$named" == *manylinux2010_x86_64.whl ]]
