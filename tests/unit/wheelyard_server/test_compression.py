"""Compressed bytes take no more memory than they have."""

import tracemalloc

import zstandard

from wheelyard_server.compression import zstd


def test_compressed_bytes_hold_no_larger_buffer() -> None:
    body = b"a page with much that repeats itself " * 10_000
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        compressed = zstd(body, level=3)
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert zstandard.decompress(compressed) == body
    assert held < len(compressed) + 1000
