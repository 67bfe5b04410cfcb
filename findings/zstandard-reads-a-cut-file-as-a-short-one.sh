#!/usr/bin/env bash
# zstandard 0.25.0 (PyPI: zstandard): a compressed file that ends too early is read without an error.
#
# Expected: an error at the end, as `gzip.open`, `bz2.open` and `lzma.open` raise EOFError, and as `zstandard.decompress`
# raises ZstdError for the same bytes.
# Seen (2026-11-30): `zstandard.open`, `stream_reader`, `read_to_iter` and `copy_stream` return what there is, and end as if it
# were all. They have nothing to ask whether the frame was whole; only `decompressobj` has (`eof`).
#
# Needs Python 3.9 or later. Exits with 0 as long as this is true, otherwise with 1.
set -euo pipefail
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check zstandard==0.25.0
venv/bin/python - << 'PYTHON'
import bz2
import gzip
import io
import lzma
import random

import zstandard

DATA = random.Random(1).randbytes(300_000)
WHOLE = zstandard.compress(DATA)
CUT = WHOLE[: len(WHOLE) // 2]


def copied(source):
    target = io.BytesIO()
    zstandard.ZstdDecompressor().copy_stream(source, target)
    return target.getvalue()


readers = {
    "open": lambda source: zstandard.open(source).read(),
    "stream_reader": lambda source: zstandard.ZstdDecompressor().stream_reader(source).read(),
    "read_to_iter": lambda source: b"".join(zstandard.ZstdDecompressor().read_to_iter(source)),
    "copy_stream": copied,
}
for name, read in readers.items():
    assert read(io.BytesIO(WHOLE)) == DATA
    got = read(io.BytesIO(CUT))
    print(name, len(got), "of", len(DATA))
    assert got == DATA[: len(got)] and len(got) < len(DATA), "the reader does not return the first part"
try:
    zstandard.decompress(CUT)
except zstandard.ZstdError as error:
    print("decompress", error)
else:
    raise SystemExit("decompress takes a cut frame, too")
for module in (gzip, bz2, lzma):
    cut = module.compress(DATA)[:150_000]
    try:
        module.open(io.BytesIO(cut)).read()
    except EOFError as error:
        print(module.__name__, error)
    else:
        raise SystemExit(f"{module.__name__} reads a cut file, too")
partial = zstandard.ZstdDecompressor().decompressobj()
partial.decompress(CUT)
assert not partial.eof
# open 149994 of 300000 (the same for stream_reader, read_to_iter and copy_stream)
# decompress decompression error: did not decompress full frame
# gzip Compressed file ended before the end-of-stream marker was reached (bz2 and lzma likewise)
PYTHON
