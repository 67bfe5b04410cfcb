"""Compression of bytes that stay in memory."""

import zstandard


def zstd(body: bytes, level: int) -> bytes:
    """Return the bytes compressed by zstd.

    python-zstandard 0.25 returns them in the buffer that it made for the worst case, which is
    larger than the input. The copy has its own size.
    """
    return bytes(memoryview(zstandard.compress(body, level=level)))
