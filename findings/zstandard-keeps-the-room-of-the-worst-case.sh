#!/usr/bin/env bash
# zstandard 0.25.0 (PyPI: zstandard): the bytes that `compress` returns keep the memory of the worst case.
#
# Expected: a result of 50 bytes takes about 50 bytes, as with gzip, bz2 and lzma. A cache of compressed pages counts `len`.
# Seen (2026-11-30): the result of 64 KiB of the same byte has fewer than 50 bytes, and its memory is more than 64 KiB, for as
# long as it is kept. `len` and `sys.getsizeof` do not show it, `tracemalloc` does. A copy (`bytes(bytearray(result))`) gives
# the memory back.
#
# Needs Python 3.10 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check zstandard==0.25.0
venv/bin/python - << 'PYTHON'
import bz2
import gzip
import lzma
import sys
import tracemalloc

import zstandard

PAGE = b"x" * 65536
NUMBER = 100


def held(compress):
    """Return the bytes of memory that each of many results keeps, its length, and its size as Python reports it."""
    compress(PAGE)
    tracemalloc.start()
    results = [compress(PAGE) for _ in range(NUMBER)]
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept // NUMBER, len(results[0]), sys.getsizeof(results[0])


for compress in (gzip.compress, bz2.compress, lzma.compress):
    kept, length, size = held(compress)
    print(f"{compress.__module__}: {kept} bytes for a result of {length}")
    assert kept < size + 100
kept, length, size = held(zstandard.compress)
print(f"zstandard: {kept} bytes for a result of {length} (sys.getsizeof: {size})")
assert length < 50, length
assert size < 100, size
assert kept > len(PAGE), "the memory is given back"
copied, _, _ = held(lambda page: bytes(bytearray(zstandard.compress(page))))
print(f"zstandard, copied: {copied} bytes")
assert copied < 200, copied
PYTHON
